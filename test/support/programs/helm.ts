import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { programPath } from './programs.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
export const CHART = join(ROOT, 'dist/helm/redswarm')

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  // biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds, looked into by tests
  readonly [field: string]: any
}

/** The one on the PATH, or the one that scripts/fetchHelm.mjs put into the cache. */
export function helmPath(): string | undefined {
  return programPath('helm') ?? globSync(join(ROOT, '.cache/tools/helm-*'))[0]
}

/** For `describe.skipIf`: true, and said aloud. Under `CI=true` it throws, as isMissing does. */
export function isHelmMissing(): boolean {
  if (helmPath()) return false
  const message = 'not installed: helm (node scripts/fetchHelm.mjs)'
  if (process.env.CI === 'true') throw new Error(message)
  process.stderr.write(`\n### SKIPPING tests, ${message}\n`)
  return true
}

export function helm(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(helmPath()!, args, { encoding: 'utf8', maxBuffer: 64 << 20 })
  return { code: status, stdout, stderr }
}

/** What the chart would have Kubernetes make. Throws with what helm says. */
export function renderChart(...args: string[]): Manifest[] {
  const { code, stdout, stderr } = helm('template', 'fleet', CHART, '--namespace', 'tracker', ...args)
  if (code !== 0) throw new Error(stderr)
  const documents = parseAllDocuments(stdout)
  for (const { errors } of documents) if (errors.length > 0) throw errors[0]
  return documents.map((document) => document.toJS() as Manifest).filter(Boolean)
}

const MODELS: Readonly<Record<string, () => Promise<Record<string, unknown>>>> = {
  v1: () => import('kubernetes-models/v1'),
  'apps/v1': () => import('kubernetes-models/apps/v1'),
  'autoscaling/v2': () => import('kubernetes-models/autoscaling/v2'),
  'networking.k8s.io/v1': () => import('kubernetes-models/networking.k8s.io/v1'),
  'policy/v1': () => import('kubernetes-models/policy/v1'),
}

/** Not among the types of Kubernetes itself. */
const CUSTOM = /^monitoring\.coreos\.com\//

/**
 * Holds manifests against Kubernetes' own types, in two ways: the schemas find wrong values, the TypeScript compiler finds
 * fields that there are not (the schemas let them pass). Needs no API server.
 *
 * @returns complaints
 */
export async function complaintsOf(manifests: readonly Manifest[]): Promise<string[]> {
  const known = manifests.filter(({ apiVersion }) => !CUSTOM.test(apiVersion))
  const complaints: string[] = []
  for (const manifest of known) {
    const load = MODELS[manifest.apiVersion]
    if (!load) throw new Error(`${manifest.apiVersion}: add its models here`)
    const Kind = (await load())[manifest.kind] as new (data: Manifest) => { validate(): void }
    try {
      new Kind(manifest).validate()
    } catch (error) {
      complaints.push(`${manifest.kind} ${manifest.metadata.name}: ${(error as Error).message}`)
    }
  }
  return [...complaints, ...compile(known)]
}

/** Each manifest as a literal of its interface: there TypeScript takes no field that the interface lacks. */
function compile(manifests: readonly Manifest[]): string[] {
  const cache = join(ROOT, '.cache')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'manifests-'))
  try {
    const names = manifests.map((manifest, i) => {
      const type = `import('kubernetes-models/${manifest.apiVersion}').I${manifest.kind}`
      const name = `${i}-${manifest.kind}.ts`
      writeFileSync(join(folder, name), `export const it: ${type} = ${JSON.stringify(manifest, null, 2)}\n`)
      return name
    })
    const compilerOptions = { noEmit: true, strict: true, skipLibCheck: true, module: 'nodenext', types: [] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: names }))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    if (!existsSync(tsc)) throw new Error('no tsc')
    const { status, stdout } = spawnSync(tsc, ['-p', folder], { encoding: 'utf8' })
    if (status === 0) return []
    return stdout.split('\n').filter((line) => /error TS|^ +Object literal/.test(line))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** promtool's judgement of a PrometheusRule's groups: throws with what it says. */
export function checkRules(rule: Manifest, path: string): void {
  writeFileSync(path, JSON.stringify({ groups: rule.spec.groups }))
  execFileSync(programPath('promtool')!, ['check', 'rules', path], { stdio: 'pipe' })
}
