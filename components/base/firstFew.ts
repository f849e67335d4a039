/** Many texts in few: the first of them, and how many more there are. Pure. */

const andMore = (more: number): string => `and ${more} more`;

/**
 * @param rest the text in place of those that are left out
 * @returns all where they are no more than `most`
 */
export const firstFew = (texts: string[], most: number, rest = andMore): string[] =>
  texts.length > most ? [...texts.slice(0, most), rest(texts.length - most)] : texts;

/** The same in one line: `a, b and 3 more`. */
export function listed(names: string[], most: number, rest = andMore): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} ${rest(names.length - most)}` : shown;
}

/** Their names in one line, or only how many they are: `7 machines`. */
export const listedOrCounted = (names: string[], most: number, what: string): string =>
  names.length > most ? `${names.length} ${what}` : names.join(", ");
