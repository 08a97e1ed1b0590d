// The differences of two recordings, one line each: the path to a value, and the value before and after.

export function differences(before, after, path = '') {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return names.flatMap((name) =>
      differences(before[name], after[name], path === '' ? name : `${path} › ${name}`),
    )
  }
  return JSON.stringify(before) === JSON.stringify(after)
    ? []
    : [`${path}: ${valueText(before)} → ${valueText(after)}`]
}

/** Arrays too: they differ by index. */
function isObject(value) {
  return typeof value === 'object' && value !== null
}

function valueText(value) {
  if (value === undefined) return '(nothing)'
  const text = JSON.stringify(value)
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}

const LONGEST = 200
