import { posix } from "path";
import { IssueOf } from "../base/names";

/** A file of the project, by its path from there: none of another folder, and no hidden one, such as those of git. */
export const projectFileIssue: IssueOf = (path) => {
  if (path.startsWith("/")) return "is not a path relative to the project's folder";
  if (!/^[A-Za-z0-9._/+@-]+$/.test(path) || path.startsWith("-"))
    return "may contain only letters, digits and . _ / + @ -";
  if (
    posix
      .normalize(path)
      .split("/")
      .some((part) => part.startsWith("."))
  )
    return "leads out of the project's folder, or to a hidden file";
  return undefined;
};
