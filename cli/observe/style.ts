/** The page's style: its own, light and dark, from 320 px on. In the page, so that nothing is loaded; CSP allows exactly this text. */
import { createHash } from "node:crypto";

export const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --ground: #ffffff; --card: #f6f8fa; --line: #d1d9e0;
  --good: #1a7f37; --good-ground: #dafbe1; --rest: #7d4e00; --rest-ground: #fff8c5; --bad: #b31d28; --bad-ground: #ffebe9; --link: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9198a1; --ground: #0d1117; --card: #151b23; --line: #3d444d;
  --good: #56d364; --good-ground: #12261e; --rest: #e3b341; --rest-ground: #272115; --bad: #ff8078; --bad-ground: #2d1216; --link: #6cb6ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
main, header { max-width: 1288px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 20px; }
h1 { font-size: 22px; line-height: 1.3; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 16px; margin: 28px 0 8px; }
p { margin: 6px 0; }
a { color: var(--link); }
.faint { color: var(--faint); }
.head { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; }
.badge { display: inline-block; padding: 1px 10px; border: 1px solid currentColor; border-radius: 12px; font-size: 13px; font-weight: 600;
  white-space: nowrap; }
.good { color: var(--good); background: var(--good-ground); }
.rest { color: var(--rest); background: var(--rest-ground); }
.bad { color: var(--bad); background: var(--bad-ground); }
.none { color: var(--faint); }
.box { border: 1px solid currentColor; border-radius: 8px; padding: 8px 16px; margin: 12px 0; }
.box ul { margin: 0; padding-left: 18px; color: var(--ink); }
.box li, td { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: 13px; font-weight: 600; color: var(--faint); padding: 4px 16px 4px 0; border-bottom: 1px solid var(--line); }
td { padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.mono { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13.5px; }
.picture { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; margin-top: 12px; background: #ffffff; }
.picture svg { display: block; margin: 0 auto; }
@media (prefers-color-scheme: dark) { .picture { background: #121212; } .picture svg { filter: invert(0.93) hue-rotate(180deg); } }
footer { max-width: 1288px; margin: 0 auto; padding: 24px; font-size: 13px; color: var(--faint); }
@media (max-width: 640px) {
  main, header { padding-left: 14px; padding-right: 14px; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: block; border: 1px solid var(--line); border-radius: 8px; background: var(--card); padding: 6px 12px; margin-bottom: 8px; }
  td { display: flex; gap: 12px; border: 0; padding: 2px 0; }
  td::before { content: attr(data-label); flex: 0 0 104px; color: var(--faint); font-size: 13px; padding-top: 1px; }
  td > div { min-width: 0; }
  td:empty { display: none; }
}
`;

/** As Content-Security-Policy names it. */
export const STYLE_SOURCE = `'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`;
