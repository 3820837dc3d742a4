import { spawnSync } from 'node:child_process'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { EXAMPLE_CONFIG } from '../support/builders/trackerConfig.ts'
import { isMissing, programPath } from '../support/programs/programs.ts'
import { redswarm } from '../support/programs/tracker.ts'
import { endProcesses, temporaryFolder } from '../support/programs/trackerProcesses.ts'

const UNITS = fileURLToPath(new URL('../../dist/systemd/', import.meta.url))
/** Of systemd-analyze security, 0 to 10. V8 needs memory that it may write and run, so 0 is out of reach. */
const WORST_EXPOSURE = 2

afterAll(endProcesses)

function analyze(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(programPath('systemd-analyze')!, args, { encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

describe.skipIf(isMissing('systemd-analyze')).each(readdirSync(UNITS))('%s', (name) => {
  test('is a valid unit, without a warning', () => {
    const folder = temporaryFolder()
    const path = join(folder, name)
    // The one thing that depends on the machine: verify looks for the program.
    writeFileSync(path, readFileSync(join(UNITS, name), 'utf8').replaceAll('/usr/bin/node', process.execPath))
    expect(analyze('verify', '--man=no', path)).toEqual({ code: 0, stdout: '', stderr: '' })
  })

  test('exposes little', () => {
    const { stdout, stderr } = analyze('security', '--offline=true', '--no-pager', join(UNITS, name))
    const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout + stderr) ?? []
    expect(Number(exposure)).toBeLessThanOrEqual(WORST_EXPOSURE)
  })

  test('starts with options that the program has', async () => {
    const config = join(temporaryFolder(), 'redswarm.yaml')
    copyFileSync(EXAMPLE_CONFIG, config)
    const unit = readFileSync(join(UNITS, name), 'utf8')
    const lines = [...unit.matchAll(/^ExecStart(?:Pre)?=\/usr\/bin\/node bin\/redswarm\.mjs (.+)$/gm)]
    expect(lines.length).toBeGreaterThan(0)
    for (const [, line] of lines) {
      const args = line!.replace('/etc/redswarm/redswarm.yaml', config).split(' ')
      // With a word too many it ends before it begins, and complains of an unknown option first.
      const { code, stderr } = await redswarm([...args, 'surplus'], { REDSWARM_DB: 'sqlite::memory:' })
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(/^error: too many arguments/),
      })
    }
  })
})
