/** The components: they show rows that were drawn elsewhere, and say which keys were pressed. */
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
 * Rows of text, coloured already. Ink measures every text that it has not met and remembers it for good; what is measured here is
 * a blank of the same size, which the rows replace afterwards. A cockpit is open all day.
 */
function Rows({ rows, width }: { readonly rows: readonly string[]; readonly width: number }): ReactNode {
  const blank = rows.map(() => ' '.repeat(width)).join('\n')
  return <Transform transform={(_, index) => rows[index] ?? ''}>{blank}</Transform>
}
