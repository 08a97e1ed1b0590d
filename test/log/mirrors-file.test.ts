/** Where a run is mirrored, as `mirrors.json` says. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readMirrors } from '../../src/log/mirrors-file.js'
import { makeFolder } from '../helpers/cli.js'

function folderWith(text: string): string {
  const dir = makeFolder()
  writeFileSync(join(dir, 'mirrors.json'), text)
  return dir
}

test('an address is shown as it is, and a folder with the command that reads it', () => {
  const dir = folderWith(
    JSON.stringify({
      mlflow: { lines: 3, folder: 'sqlite:///ml.db' },
      wandb: { lines: 3, id: 'a', url: 'https://wandb.ai/me/a/runs/a' },
      tensorboard: { lines: 3, folder: 'tensorboard' },
    }),
  )
  expect(readMirrors(dir)).toEqual([
    {
      name: 'tensorboard',
      place: join(dir, 'tensorboard'),
      command: `tensorboard --logdir ${join(dir, 'tensorboard')}`,
    },
    { name: 'wandb', place: 'https://wandb.ai/me/a/runs/a' },
    { name: 'mlflow', place: 'sqlite:///ml.db', command: 'mlflow ui --backend-store-uri sqlite:///ml.db' },
  ])
})

test.each(['', '{"wandb": 3}', '[1]'])('a file that cannot be read is no mirror: %j', (text) => {
  expect(readMirrors(folderWith(text))).toEqual([])
})

test('a run without the file has none', () => {
  expect(readMirrors(makeFolder())).toEqual([])
})
