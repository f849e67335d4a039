/** Many names in one line. Pure. */
import * as few from "../../components/base/firstFew";

const MOST = 10;
const FIRST = 5;

/** All names where there are ten or fewer, else their number and the first five. */
export const listed = (names: string[]): string =>
  names.length <= MOST ? names.join(", ") : `${names.length} in total: ${few.listed(names, FIRST)}`;
