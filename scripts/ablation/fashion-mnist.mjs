// Where Fashion-MNIST is, and how to get it.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = '/usr/share/datasets/fashion-mnist'
const FILES = ['train', 't10k'].flatMap((part) => [`${part}-images-idx3-ubyte`, `${part}-labels-idx1-ubyte`])

/** What to do to have the files, or undefined if they are there. */
export function missingFashion(env = process.env) {
  const folder = env.ABSGD_FASHION_MNIST || FOLDER
  const missing = FILES.find((name) => !['', '.gz'].some((end) => existsSync(join(folder, `${name}${end}`))))
  if (missing === undefined) return undefined
  return `Fashion-MNIST is needed, and there is no ${missing}.gz in ${folder}. On Debian:

  sudo apt-get install dataset-fashion-mnist

or without root, into a folder of your own:

  apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb fashion
  export ABSGD_FASHION_MNIST=$PWD/fashion${FOLDER}

Elsewhere: the four files of https://github.com/zalandoresearch/fashion-mnist in a folder, and its name in ABSGD_FASHION_MNIST.
Without it: npm run ablation -- --table --only digits-asymmetric-30,hidden-subgroup`
}
