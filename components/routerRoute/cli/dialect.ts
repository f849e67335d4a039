/** How a router's screen is read. */
export interface Dialect {
  /** Lines in which it says that it did not run a command. */
  errors: RegExp[];
  /** Lines that may come behind a prompt without another one: its log, a reminder. */
  interjections: RegExp;
  /** What it prints right behind a prompt, on the same line. */
  behindPrompt: RegExp;
  /** Whether a prompt is that of configuration mode. */
  isConfiguring(prompt: string): boolean;
}
