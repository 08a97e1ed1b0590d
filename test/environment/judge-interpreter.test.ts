import { describe, expect, test } from 'vitest'
import type { Facts, Probe } from '../../src/environment/probe-interpreter.js'
import { judge } from '../../src/environment/judge-interpreter.js'
import { describeDownload, pickTorch } from '../../src/environment/install/torch-build.js'
import { compareVersions } from '../../src/environment/python-versions.js'

const versions = { torch: '2.6.0+cu124', pyzmq: '26.4.0', protobuf: '4.25.8' }

function answered(facts: Partial<Facts>): Probe {
  return { status: 'answered', facts: { executable: '/python', python: '3.12.1', versions, ...facts } }
}

describe('an interpreter', () => {
  test('with torch, pyzmq and protobuf in old but sufficient versions fits', () => {
    expect(judge(answered({}), [])).toMatchObject({ status: 'fits' })
  })

  test('that is too old is named with its version and the one that is needed', () => {
    expect(judge(answered({ python: '3.9.18', versions: {} }), [])).toMatchObject({
      status: 'unusable',
      reason: 'is Python 3.9.18; 3.10 or newer is needed',
    })
  })

  test.each(['2.3.1', '3.0.0'])('with torch %s, outside the range, is not touched', (torch) => {
    expect(judge(answered({ versions: { ...versions, torch } }), [])).toMatchObject({
      status: 'unusable',
      reason: `has torch ${torch}; torch>=2.4,<3 is needed`,
    })
  })

  test('lacks what is absent and what is too old, extras included', () => {
    const verdict = judge(answered({ versions: { torch: '2.6.0', protobuf: '3.20.3', pyzmq: '27.0' } }), [
      'dev',
    ])
    expect(verdict).toMatchObject({
      status: 'lacks',
      torch: false,
      requirements: [
        'protobuf>=4.21',
        'import-linter>=2.1',
        'pyrefly>=1.5',
        'pytest>=8',
        'pytest-cov>=6',
        'pytest-xdist>=3.5',
        'ruff>=0.6',
      ],
    })
  })

  test('whose torch fails on import is unusable, with the last lines of the traceback', () => {
    const lines = `Traceback\n${'  frame\n'.repeat(40)}OSError: libcudart.so.13`
    const verdict = judge(answered({ torch: { ok: false, lines } }), [])
    expect(verdict).toMatchObject({ status: 'unusable', reason: 'has a torch that fails on import' })
    expect((verdict as { lines: string }).lines.split('\n')).toHaveLength(12)
    expect((verdict as { lines: string }).lines).toMatch(/libcudart\.so\.13$/)
  })
})

describe('the build of torch', () => {
  test('is the newest CPU build within the range, even beside newer CUDA builds', () => {
    const offered = ['3.0.0+cpu', '2.15.0', '2.15.0+cu130', '2.9.1+cpu', '2.10.0+cpu', '2.3.0+cpu']
    expect(pickTorch(offered)).toEqual({ requirement: 'torch==2.10.0+cpu', cpu: true })
  })

  test('is left to the index where no CPU build in the range is offered', () => {
    expect(pickTorch(['2.15.0', '2.3.0+cpu'])).toEqual({ requirement: 'torch>=2.4,<3', cpu: false })
    expect(pickTorch([])).toEqual({ requirement: 'torch>=2.4,<3', cpu: false })
  })

  test('is announced with its size, and with the way to a smaller one where there is no GPU', () => {
    const choice = { requirement: 'torch>=2.4,<3', cpu: false }
    const on = (platform: string, nvidia: boolean) =>
      describeDownload(choice, { platform, nvidia, uv: false }).join(' ')
    expect(on('linux', true)).toMatch(/2\.8 GB to download, 4\.5 GB installed$/)
    expect(on('linux', false)).toMatch(/4\.5 GB installed.*CPU build.*find-links/)
    expect(on('darwin', false)).toMatch(/0\.2 GB to download$/)
  })
})

test('versions are compared by their release numbers', () => {
  expect(compareVersions('2.10', '2.9')).toBeGreaterThan(0)
  expect(compareVersions('2.4.0+cpu', '2.4')).toBe(0)
  expect(compareVersions('25.1b1', '26')).toBeLessThan(0)
})
