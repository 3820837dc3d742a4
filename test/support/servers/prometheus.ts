import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { freePorts } from '../programs/freePorts.ts'
import { programPath } from '../programs/programs.ts'
import {
  eventually,
  type StartedProcess,
  startProcess,
  temporaryFolder,
} from '../programs/trackerProcesses.ts'
import { PROMETHEUS_CONFIG, RULE_FILES } from './monitoring.ts'

const READY_WITHIN_MS = 30_000
/** Where we wait for something to be scraped: a scrape is a second. */
const SEEN_WITHIN_MS = 30_000

/** One line of an answer. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface RunningPrometheus {
  readonly process: StartedProcess
  /** An instant query. Throws with Prometheus' own words when it does not take the expression. */
  query(expr: string): Promise<Sample[]>
  /** The one number that a query gives; undefined when there is none yet. */
  number(expr: string): Promise<number | undefined>
  /** Waits until the query gives this number. */
  shows(expr: string, value: number): Promise<void>
  /** Waits until every target has been scraped anew, so that whatever is counted by now is in the answers. */
  scrapedAnew(): Promise<void>
  /** What its HTTP API says under this path. */
  api<T>(path: string): Promise<T>
}

interface PrometheusConfig {
  readonly global: Record<string, string>
  readonly scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[]
}

/** The shipped configuration and rules, looking at these metrics ports once a second. */
export async function startPrometheus(
  jobs: Readonly<Record<string, readonly number[]>>,
): Promise<RunningPrometheus> {
  const [port] = await freePorts(1)
  const folder = temporaryFolder()
  const path = join(folder, 'prometheus.yml')
  writeFileSync(path, configFor(jobs))
  const process = await startProcess({
    name: 'prometheus',
    program: 'prometheus',
    args: [
      `--config.file=${path}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
  })
  const url = `http://127.0.0.1:${port}`
  await eventually('Prometheus is ready', READY_WITHIN_MS, async () => {
    if (process.hasExited()) throw new Error(`Prometheus ended:\n${process.output()}`)
    return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok || undefined
  })
  const api = async <T>(path: string): Promise<T> => {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: T; error?: string }
    if (answer.error !== undefined) throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }
  const query = async (expr: string): Promise<Sample[]> => {
    const { result } = await api<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expr)}`,
    )
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
  }
  const number = async (expr: string) => (await query(expr))[0]?.value
  return {
    process,
    api,
    query,
    number,
    async shows(expr, value) {
      let last: number | undefined
      await eventually(`${expr} is ${value}`, SEEN_WITHIN_MS, async () => {
        last = await number(expr)
        return last === value || undefined
      }).catch((error: Error) => {
        throw new Error(`${error.message}; it is ${last}`)
      })
    },
    async scrapedAnew() {
      const since = Date.now() / 1000
      await eventually('every target is scraped', SEEN_WITHIN_MS, async () => {
        const isWhole = (await number('min(up)')) === 1 // a slow one is followed by another
        return (isWhole && (await number('min(timestamp(up))'))! > since) || undefined
      })
    },
  }
}

function configFor(jobs: Readonly<Record<string, readonly number[]>>): string {
  const shipped = parse(readFileSync(PROMETHEUS_CONFIG, 'utf8')) as PrometheusConfig
  return stringify({
    ...shipped,
    global: { ...shipped.global, scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: RULE_FILES,
    scrape_configs: shipped.scrape_configs
      .filter(({ job_name }) => jobs[job_name])
      .map((job) => ({
        ...job,
        static_configs: [{ targets: jobs[job.job_name]!.map((port) => `127.0.0.1:${port}`) }],
      })),
  })
}

/** Runs promtool; throws with all that it says when it is not content. */
export function promtool(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(programPath('promtool')!, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`promtool ${args.slice(0, 2).join(' ')}:\n${stdout}${stderr}`)
  return stdout
}

/** What `promtool check metrics` finds to say about the names and forms of metrics, a line each. */
export function findingsIn(metrics: string): string[] {
  const { status, stdout, stderr } = spawnSync(programPath('promtool')!, ['check', 'metrics'], {
    input: metrics,
    encoding: 'utf8',
  })
  const findings = `${stdout}${stderr}`.split('\n').filter(Boolean)
  const isJustAdvice = status === 3
  if (status !== 0 && !isJustAdvice) throw new Error(findings.join('\n'))
  return findings
}
