/** The React components: they show rows that other modules have drawn, and report pressed keys. */
import { Box, Transform, useInput } from 'ink'
import type { ReactNode } from 'react'
import { keyNames } from './input/keys.js'
import type { Region } from './layout.js'

export interface AppProps {
  readonly screen: Region
  readonly onKey: (key: string) => void
}

export function App({ screen, onKey }: AppProps): ReactNode {
  useInput((input, key) => {
    for (const name of keyNames(input, key)) onKey(name)
  })
  return <RegionView region={screen} />
}

function RegionView({ region }: { readonly region: Region }): ReactNode {
  if (region.type === 'rows') return <Rows rows={region.rows} width={region.width} />
  return (
    <Box flexDirection={region.type === 'beside' ? 'row' : 'column'}>
      {region.regions.map((part, i) => (
        <RegionView key={i} region={part} />
      ))}
    </Box>
  )
}

/**
 * Shows rows of coloured text. Ink measures every new text and keeps the result for ever, which would fill the memory of a cockpit
 * that is open all day. So ink measures blank text of the same size, and the rows replace it afterwards.
 */
function Rows({ rows, width }: { readonly rows: readonly string[]; readonly width: number }): ReactNode {
  const blank = rows.map(() => ' '.repeat(width)).join('\n')
  return <Transform transform={(_, index) => rows[index] ?? ''}>{blank}</Transform>
}
