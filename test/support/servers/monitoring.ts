import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import * as contract from '../../../src/contract/metricNames.ts'

/** What an operator gets for Prometheus and Grafana, as the tests read it. */
const fromRoot = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const yamlIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yml'))
    .map((name) => `${folder}/${name}`)

export const RULE_FILES = yamlIn(fromRoot('dist/prometheus/rules'))
export const RULE_TEST_FILES = yamlIn(fromRoot('dist/prometheus/tests'))
export const PROMETHEUS_CONFIG = fromRoot('dist/prometheus/prometheus.yml')
export const DASHBOARD_FILE = fromRoot('dist/grafana/dashboards/redswarm.json')

export interface Rule {
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export const rules = (): Rule[] =>
  RULE_FILES.flatMap((path) =>
    (parse(readFileSync(path, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
      (group) => group.rules,
    ),
  )

export const alerts = () => rules().filter((rule) => rule.alert !== undefined) as (Rule & { alert: string })[]

/** A promtool test file, as far as we look into it. */
export interface RuleTestFile {
  readonly tests: readonly {
    readonly name: string
    readonly input_series: readonly { readonly series: string; readonly values: string }[]
    readonly alert_rule_test: readonly {
      readonly eval_time: string
      readonly alertname: string
      readonly exp_alerts: readonly unknown[]
    }[]
  }[]
}

export const ruleTests = () =>
  RULE_TEST_FILES.flatMap((path) => (parse(readFileSync(path, 'utf8')) as RuleTestFile).tests)

export interface DashboardPanel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[]
}

export const panelsOf = (dashboard: unknown) => (dashboard as { panels: DashboardPanel[] }).panels

/** Every metric that the contract names. */
export const CONTRACT_METRICS: ReadonlySet<string> = new Set(
  [contract, contract.REDSWARM].flatMap((names) =>
    Object.values(names).filter((value): value is string => typeof value === 'string'),
  ),
)

/** Names of ours in a query, as the contract has them; of a histogram the part is left off. */
export function metricsIn(expr: string): string[] {
  const names = expr.match(/\b(?:redswarm|chihaya)_\w+/g) ?? []
  return names.map((name) => (CONTRACT_METRICS.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')))
}
