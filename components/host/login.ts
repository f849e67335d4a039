/** What says how to log in to a machine, as far as ssh gets it as arguments. */
import { IssueOf } from "../base/names";

/** A user to log in as. */
export const userIssue: IssueOf = (user) =>
  /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(user) ? undefined : "is not a valid user name";

/** An ssh_config file: ssh gets it as an argument, so it can't begin with a dash, and a `~` is not expanded. */
export const configFileIssue: IssueOf = (path) => {
  if (path.startsWith("~")) return "begins with ~, which ssh -F does not expand";
  return /^[A-Za-z0-9._/][A-Za-z0-9._/+@-]*$/.test(path)
    ? undefined
    : "is not a path that can be passed to ssh unquoted";
};
