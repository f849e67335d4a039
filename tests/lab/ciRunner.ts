/** Runs the shell parts of CI jobs as a runner would, with stand-ins for what only a runner has. */
import * as fs from "node:fs";
import * as http from "node:http";
import * as path from "node:path";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { attempt } from "../run";

/** A folder of programs that come before those of the machine. */
export function standIns(folder: string, programs: Record<string, string>): string {
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, script] of Object.entries(programs))
    fs.writeFileSync(path.join(folder, name), `#!/usr/bin/env bash\nset -euo pipefail\n${script}\n`, {
      mode: 0o755,
    });
  return `${folder}:${process.env.PATH}`;
}

/** A comment as both services list it. */
export interface Comment {
  id: number;
  body: string;
  user: { login: string };
  author: { id: number };
}

export const comment = (id: number, body: string, own = true): Comment => ({
  id,
  body,
  user: { login: own ? "github-actions[bot]" : "somebody" },
  author: { id: own ? 7 : 8 },
});

/** A stand-in for `gh api`, on comments in a file: lists them in two pages, takes a changed or a new one. */
export const GH = `
shift
method=GET file='' url=''
while [ $# -gt 0 ]; do
  case "$1" in
    --paginate | --silent) ;;
    --method) method=$2; shift ;;
    --field) file=\${2#body=@}; shift ;;
    *) url=$1 ;;
  esac
  shift
done
echo "$method $url" >>"$COMMENTS.log"
case "$method" in
  GET) jq -c '.[:1], .[1:]' "$COMMENTS" ;;
  PATCH) jq --arg id "\${url##*/}" --rawfile body "$file" 'map(if .id == ($id | tonumber) then .body = $body else . end)' "$COMMENTS" >"$COMMENTS.new" ;;
  POST) jq --rawfile body "$file" '. + [{ id: 99, body: $body, user: { login: "github-actions[bot]" } }]' "$COMMENTS" >"$COMMENTS.new" ;;
esac
[ ! -e "$COMMENTS.new" ] || mv "$COMMENTS.new" "$COMMENTS"`;

/** GitLab's notes of one merge request, on this machine. */
export class GitlabNotes {
  /** What was asked: method and path. */
  readonly asked: string[] = [];
  private readonly server = http.createServer((request, response) => void this.answer(request, response));

  constructor(
    public notes: Comment[],
    private readonly token: string,
  ) {}

  async listen(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, "http://gitlab");
    this.asked.push(`${request.method} ${pathname}`);
    const say = (status: number, body: unknown): void =>
      void response.writeHead(status).end(JSON.stringify(body));
    if (request.headers["private-token"] !== this.token) return say(401, { message: "401 Unauthorized" });
    if (pathname === "/user") return say(200, { id: 7 });
    const at = /^\/projects\/1\/merge_requests\/2\/notes(?:\/(\d+))?$/.exec(pathname);
    if (!at) return say(404, { message: "404 Not found" });
    if (request.method === "GET") {
      const [size, page] = ["per_page", "page"].map((name) => Number(searchParams.get(name)));
      return say(200, this.notes.slice((page - 1) * size, page * size));
    }
    let text = "";
    for await (const chunk of request) text += chunk;
    const { body } = JSON.parse(text) as { body: string };
    if (request.method === "POST") this.notes.push(comment(999, body));
    else this.notes.find(({ id }) => id === Number(at[1]))!.body = body;
    return say(200, {});
  }
}

/** Runs a script on this machine as a runner does: it ends at the first failure. */
export async function runScript(
  shell: string,
  script: string,
  cwd: string,
  env: Record<string, string>,
): Promise<{ code: number; text: string }> {
  const ended = await attempt(shell, ["-e", "-c", script], { cwd, env });
  return { code: ended.code, text: ended.stdout + ended.stderr };
}
