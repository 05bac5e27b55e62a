/** Ids that nobody can guess, of digits and small letters. */

const CHARS = 16;

export function randomId(chars: number): string {
  const bytes = [...crypto.getRandomValues(new Uint8Array(chars))];
  return bytes.map((byte) => (byte % 36).toString(36)).join("");
}

/** Makes an id of what the visitor says or books. */
export const ownId = (): string => randomId(CHARS);
