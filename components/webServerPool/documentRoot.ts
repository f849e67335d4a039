import { posix } from "path";
import { IssueOf } from "../base/names";

/** Trees that belong to the system: a web server there would publish or lose what is in them. */
const SYSTEM_TREES = (
  "/bin /boot /dev /etc /lib /lib32 /lib64 /libx32 /lost+found /proc /root /run /sbin /sys /tmp /usr/bin /usr/include " +
  "/usr/lib /usr/lib32 /usr/lib64 /usr/libexec /usr/sbin /usr/src /var/backups /var/cache /var/lock /var/log /var/mail " +
  "/var/run /var/spool /var/tmp"
).split(" ");
/** Directories below which a document root may be, but which are none themselves. */
const SYSTEM_DIRECTORIES = "/ /home /media /mnt /opt /srv /usr /usr/local /usr/share /var /var/lib".split(
  " ",
);

/** A directory for a web site's files: an absolute, normalised path. */
export const documentRootIssue: IssueOf = (path) => {
  if (!path.startsWith("/")) return "is not an absolute path";
  if (!/^[A-Za-z0-9._/+@-]+$/.test(path)) return "may contain only letters, digits and . _ / + @ -";
  if (path !== normalised(path)) return "is not in its shortest form";
  if (path.length > 400 || path.split("/").some((part) => part.length > 255)) return "is too long";
  if (SYSTEM_TREES.some((tree) => path === tree || path.startsWith(`${tree}/`)))
    return "is inside a system directory";
  if (SYSTEM_DIRECTORIES.includes(path)) return "is a system directory";
  return undefined;
};

/** Says to use the path that was probably meant, or one that is usual. */
export function documentRootInstead(path: string): string {
  const clean = normalised(path);
  return `use ${documentRootIssue(clean) === undefined ? clean : "a path such as /var/www/widgetco"}`;
}

function normalised(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, "$1");
}
