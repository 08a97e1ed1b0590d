/** What a terminal can show, as its environment tells. */

type Environment = Readonly<Record<string, string | undefined>>

/** Whether to do without braille and box characters: a dumb terminal, the console of Linux, a locale that is not UTF-8. */
export function isAsciiOnly({ TERM, LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  if (TERM === 'dumb' || TERM === 'linux') return true
  // The first that is set decides (POSIX); with none a container's shell is meant, whose terminal is UTF-8 these days.
  const locale = LC_ALL || LC_CTYPE || LANG
  return locale !== undefined && locale !== '' && !/utf-?8/i.test(locale)
}

/** Whether to do without colours: https://no-color.org, and terminals that know none. */
export function isColourless({ TERM, NO_COLOR }: Environment): boolean {
  return TERM === 'dumb' || (NO_COLOR !== undefined && NO_COLOR !== '')
}
