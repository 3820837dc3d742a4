import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { doctor } from '../../../src/cli/doctor.ts'

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url))

/** A finding as `redswarm doctor --json` has it. */
export interface Found {
  readonly id: string
  readonly severity: 'ok' | 'info' | 'warning' | 'error'
  readonly what: string
  readonly meaning?: string
  readonly remedy?: string
  readonly commands: readonly string[]
}

export interface Diagnosis {
  readonly isFine: boolean
  readonly findings: readonly Found[]
  /** `error maxmemory-policy`, one for each that is amiss. */
  readonly amiss: readonly string[]
  readonly text: string
}

/** One configuration and one Redis, to be looked at and put right with what was advised. */
export interface Patient {
  /** @param url of the Redis, where it is another one than administrators use */
  examine(url?: string): Promise<Diagnosis>
  /** Runs the commands in a shell, with the administrator's URL in REDIS_URL, as somebody would who reads the report. */
  treat(commands: readonly string[]): Promise<void>
}

/** @param chihaya keys of the configuration */
export function aPatient(redisUrl: string, chihaya: object): Patient {
  const folder = mkdtempSync(join(tmpdir(), 'redswarm-doctor-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'redswarm.yaml')
  writeFileSync(path, JSON.stringify({ chihaya }))
  const program = join(folder, 'redswarm')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
  chmodSync(program, 0o755)
  return {
    async examine(url = redisUrl) {
      let text = ''
      const options = { path, givenPath: path, trackerUser: 'tracker', json: true }
      const isFine = await doctor({ ...options, env: { REDIS_URL: url }, out: (more) => (text += more) })
      const { findings } = JSON.parse(text) as { findings: Found[] }
      const amiss = findings
        .filter(({ severity }) => severity === 'warning' || severity === 'error')
        .map(({ severity, id }) => `${severity} ${id}`)
      return { isFine, findings, amiss, text }
    },
    async treat(commands) {
      const env = { ...process.env, REDIS_URL: redisUrl, PATH: `${folder}${delimiter}${process.env.PATH}` }
      for (const command of commands) {
        const { stdout } = await promisify(execFile)('sh', ['-c', command], { env, cwd: folder })
        // redis-cli ends with 0 whatever Redis has answered.
        if (/^(\(error\)|ERR|NOPERM|WRONGTYPE|NOAUTH)/.test(stdout)) throw new Error(`${command}: ${stdout}`)
      }
    },
  }
}
