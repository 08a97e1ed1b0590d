// Replaces what differs between two recordings of the same behaviour: times, process ids, paths, versions, and prose.

/** Fields of prose, where the value has more than one word. */
const PROSE = new Set(['message', 'hint', 'detail', 'notes', 'advice', 'warnings', 'reason', 'note', 'text'])
const PIDS = new Set(['pid', 'pids', 'controller', 'worker', 'courier'])
const NUMBERS = new Set(['seconds', 'bytes'])
const DIGITS = 9

export function createNormaliser({ project, folder }) {
  const shorten = (text) => text.replaceAll(folder, '<folder>').replaceAll(project, '<project>')

  return function normalise(value, { shape = false } = {}, key = '') {
    if (typeof value === 'string') return normaliseText(shorten(value), key)
    if (typeof value === 'number') return normaliseNumber(value, key, shape)
    if (Array.isArray(value)) {
      const items = value.map((item) => normalise(item, { shape }, key))
      return shape
        ? [...new Set(items.map((item) => JSON.stringify(item)))].sort().map((text) => JSON.parse(text))
        : items
    }
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [name, normalise(field, { shape }, name)]),
    )
  }
}

function normaliseText(text, key) {
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return '<time>'
  if (key === 'version') return '<version>'
  return PROSE.has(key) && text.includes(' ') ? '<text>' : text
}

function normaliseNumber(value, key, shape) {
  if (PIDS.has(key)) return '<pid>'
  if (shape || NUMBERS.has(key) || /(Ms|Seconds|Bytes)$/.test(key)) return '<number>'
  // Sums in another order differ in the last digits.
  return Number(value.toPrecision(DIGITS))
}
