/** Which characters and colours a terminal can show, judged by its environment variables. */

type Environment = Readonly<Record<string, string | undefined>>

/** Whether braille and box characters must not be used: a dumb terminal, the console of Linux, or a locale that is not UTF-8. */
export function isAsciiOnly({ TERM, LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  if (TERM === 'dumb' || TERM === 'linux') return true
  // The first variable that is set decides (POSIX). None is set in a container's shell, whose terminal is usually UTF-8.
  const locale = LC_ALL || LC_CTYPE || LANG
  return locale !== undefined && locale !== '' && !/utf-?8/i.test(locale)
}

/** Whether colours must not be used: NO_COLOR (https://no-color.org), or a terminal without colours. */
export function isColourless({ TERM, NO_COLOR }: Environment): boolean {
  return TERM === 'dumb' || (NO_COLOR !== undefined && NO_COLOR !== '')
}
