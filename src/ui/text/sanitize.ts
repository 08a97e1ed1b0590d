/** Makes text from a task, a worker's stderr or a file safe to print. */
import { stripVTControlCharacters } from 'node:util'

/**
 * The text as one line, without escape sequences, control characters (C0, DEL, C1), and bidirectional and other format characters,
 * which would change the terminal or the order of the text. Line breaks and tabs become spaces.
 */
export function sanitize(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\t\n\r\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '')
}

/** Sanitizes each line on its own. */
export function sanitizeLines(text: string): string[] {
  return text.split(/\r\n|[\n\r]/).map((line) => sanitize(line.replaceAll('\t', '    ')))
}
