/** Small decoders for thumbnails: PNG (8 bits a channel, not interlaced) and binary PGM and PPM. */
import { inflateSync } from 'node:zlib'

export interface Image {
  readonly width: number
  readonly height: number
  /** Red, green and blue of each pixel, row by row. */
  readonly rgb: Uint8Array
}

/** Undefined for other formats, damaged files and images of more than 2^24 pixels. */
export function readImage(bytes: Buffer): Image | undefined {
  try {
    if (bytes.subarray(1, 4).toString('latin1') === 'PNG') return readPng(bytes)
    return /^P[56]\s/.test(bytes.subarray(0, 3).toString('latin1')) ? readPnm(bytes) : undefined
  } catch {
    return undefined
  }
}

function readPnm(bytes: Buffer): Image | undefined {
  const header = /^P([56])\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s+255\s/.exec(
    bytes.subarray(0, 512).toString('latin1'),
  )
  if (header === null) return undefined
  const [width, height] = [Number(header[2]), Number(header[3])]
  return imageOf(width, height, header[1] === '5' ? 1 : 3, bytes.subarray(header[0].length))
}

function readPng(bytes: Buffer): Image | undefined {
  const [width, height, depth, color, interlace] = [
    bytes.readUInt32BE(16),
    bytes.readUInt32BE(20),
    bytes[24],
    bytes[25]!,
    bytes[28],
  ]
  const channels = ({ 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as Record<number, number>)[color]
  if (depth !== 8 || interlace !== 0 || channels === undefined || width * height > MOST_PIXELS)
    return undefined
  const data: Buffer[] = []
  let palette: Buffer | undefined
  for (let at = 8; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at)
    const type = bytes.subarray(at + 4, at + 8).toString('latin1')
    const body = bytes.subarray(at + 8, at + 8 + length)
    if (type === 'IDAT') data.push(body)
    if (type === 'PLTE') palette = body
    at += length + 12
  }
  const most = height * (width * channels + 1)
  const plain = unfiltered(
    inflateSync(Buffer.concat(data), { maxOutputLength: most }),
    width * channels,
    height,
    channels,
  )
  if (color !== 3) return imageOf(width, height, channels, plain)
  if (palette === undefined) return undefined
  const colors = palette
  return imageOf(
    width,
    height,
    3,
    Uint8Array.from(
      { length: 3 * plain.length },
      (_, i) => colors[3 * plain[Math.floor(i / 3)]! + (i % 3)] ?? 0,
    ),
  )
}

/** Undoes the filters of PNG (RFC 2083, section 6). */
function unfiltered(filtered: Buffer, stride: number, height: number, pixel: number): Uint8Array {
  const plain = new Uint8Array(stride * height)
  for (let y = 0; y < height; y += 1) {
    const kind = filtered[y * (stride + 1)]!
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x
      const left = x < pixel ? 0 : plain[at - pixel]!
      const up = y === 0 ? 0 : plain[at - stride]!
      const corner = x < pixel || y === 0 ? 0 : plain[at - stride - pixel]!
      const added = [0, left, up, (left + up) >> 1, nearestOf(left, up, corner)][kind] ?? 0
      plain[at] = filtered[y * (stride + 1) + 1 + x]! + added
    }
  }
  return plain
}

function nearestOf(left: number, up: number, corner: number): number {
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

/** 1 and 2 channels are grey, with and without opacity; 3 and 4 are colours. */
function imageOf(width: number, height: number, channels: number, data: Uint8Array): Image | undefined {
  if (width * height > MOST_PIXELS || width * height === 0 || data.length < width * height * channels)
    return undefined
  const rgb = new Uint8Array(3 * width * height)
  for (let i = 0; i < width * height; i += 1)
    for (let c = 0; c < 3; c += 1) rgb[3 * i + c] = data[i * channels + (channels < 3 ? 0 : c)]!
  return { width, height, rgb }
}

const MOST_PIXELS = 2 ** 24
