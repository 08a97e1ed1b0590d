/** Text that comes from elsewhere (a task, a worker's stderr, a file), made safe to print. */
import { stripVTControlCharacters } from 'node:util'

/**
 * One line without anything that a terminal obeys or that reorders text: escape sequences, control characters (C0, DEL,
 * C1), bidirectional and other format characters. Line breaks and tabs become spaces.
 */
export function sanitize(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\t\n\r\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '')
}

/** `sanitize`, line by line. */
export function sanitizeLines(text: string): string[] {
  return text.split(/\r\n|[\n\r]/).map((line) => sanitize(line.replaceAll('\t', '    ')))
}
