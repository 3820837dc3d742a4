/** Text that every database takes: no zero bytes, no halves of a character. */
export function plainText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '')
}
