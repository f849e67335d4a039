/** Many names in one line. Pure. */

const MOST = 10;
const FIRST = 5;

/** All names where there are ten or fewer, else their number and the first five. */
export const listed = (names: string[]): string =>
  names.length <= MOST
    ? names.join(", ")
    : `${names.length} in total: ${names.slice(0, FIRST).join(", ")} and ${names.length - FIRST} more`;
