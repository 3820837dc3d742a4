import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import {
  CHART,
  checkRules,
  complaintsOf,
  helm,
  isHelmMissing,
  type Manifest,
  renderChart,
} from '../support/programs/helm.ts'
import { isMissing } from '../support/programs/programs.ts'
import { redswarm } from '../support/programs/tracker.ts'
import { endProcesses, temporaryFolder } from '../support/programs/trackerProcesses.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const EVERYTHING = join(ROOT, 'test/fixtures/helm/everything.yaml')
const EVERYTHING_ON = ['--values', EVERYTHING]

const byName = (manifests: readonly Manifest[]) =>
  manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()
const only = (manifests: readonly Manifest[], kind: string, name?: string): Manifest =>
  manifests.find((each) => each.kind === kind && (name === undefined || each.metadata.name === name))!
const containerOf = (deployment: Manifest) => deployment.spec.template.spec.containers[0]

afterAll(endProcesses)

describe.skipIf(isHelmMissing())('the chart', () => {
  test.each([
    ['its defaults', []],
    ['every switch on', EVERYTHING_ON],
  ])('passes helm lint with %s', (_, args) => {
    const { code, stdout } = helm('lint', '--strict', CHART, ...args)
    expect(stdout).toContain('1 chart(s) linted, 0 chart(s) failed')
    expect(code).toBe(0)
  })

  test('has what a fleet needs, with its defaults', async () => {
    const manifests = renderChart()
    expect(byName(manifests)).toEqual([
      'ConfigMap fleet-redswarm',
      'Deployment fleet-redswarm',
      'PodDisruptionBudget fleet-redswarm',
      'Service fleet-redswarm-http',
      'Service fleet-redswarm-metrics',
      'Service fleet-redswarm-udp',
      'ServiceAccount fleet-redswarm',
    ])
    expect(await complaintsOf(manifests)).toEqual([])
    expect(only(manifests, 'Service', 'fleet-redswarm-udp').spec).toMatchObject({
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 6969, targetPort: 'udp', protocol: 'UDP' }],
    })
  })

  test('has all of it, with every switch on', async () => {
    const manifests = renderChart(...EVERYTHING_ON)
    expect(byName(manifests)).toEqual([
      'ConfigMap mysite',
      'Deployment mysite',
      'Deployment mysite-consumer',
      'HorizontalPodAutoscaler mysite',
      'Ingress mysite',
      'NetworkPolicy mysite',
      'PersistentVolumeClaim mysite-ledger',
      'PodDisruptionBudget mysite',
      'PrometheusRule mysite',
      'Service mysite-http',
      'Service mysite-redswarm-consumer-metrics',
      'Service mysite-redswarm-metrics',
      'Service mysite-udp',
      'ServiceAccount mysite',
      'ServiceMonitor mysite-consumer',
      'ServiceMonitor mysite-tracker',
    ])
    expect(await complaintsOf(manifests)).toEqual([])
    expect(only(manifests, 'Service', 'mysite-http').spec.externalTrafficPolicy).toBe('Local')
    expect(only(manifests, 'PodDisruptionBudget').spec).toMatchObject({ minAvailable: '50%' })
    expect(only(manifests, 'PodDisruptionBudget').spec.maxUnavailable).toBeUndefined()
    expect(only(manifests, 'Deployment', 'mysite').spec.replicas).toBeUndefined() // the autoscaler's
  })

  test('"every switch on" leaves none off', () => {
    const isOn = parse(readFileSync(EVERYTHING, 'utf8'))
    const off: string[] = []
    const walk = (defaults: object, on: Record<string, unknown> = {}, path = '') => {
      for (const [key, value] of Object.entries(defaults)) {
        if (value === false && on[key] !== true) off.push(`${path}${key}`)
        if (value && typeof value === 'object' && !Array.isArray(value))
          walk(value, on[key] as Record<string, unknown> | undefined, `${path}${key}.`)
      }
    }
    walk(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')), isOn)
    expect(off).toEqual([])
  })

  test('complaints would be heard: a wrong value, and a field that there is not', async () => {
    const [deployment] = renderChart().filter(({ kind }) => kind === 'Deployment') as [Manifest]
    const wrong = structuredClone(deployment)
    wrong.spec.replicas = 'three'
    containerOf(wrong).imagePullPolcy = 'Always'
    const complaints = (await complaintsOf([wrong])).join('\n')
    expect(complaints).toContain('spec/replicas must be integer')
    expect(complaints).toMatch(/"imagePullPolcy"' does not exist in type 'IContainer'/)
  })

  test.each([
    ['replicaCount=three', 'replicaCount', 'integer'],
    ['redis.existingSecret=', 'redis/existingSecret', 'pattern'],
    ['udp.service.externalTrafficPolicy=Lokal', 'udp/service/externalTrafficPolicy', 'one of'],
    ['udp.service.prot=1', 'udp/service', "'prot' not allowed"],
    ['http.service.port=70000', 'http/service/port', 'maximum'],
    ['resources.limits.memory=lots', 'resources/limits/memory', 'pattern'],
    ['image.digest=latest', 'image/digest', 'pattern'],
    ['consumer.enabled=yes', 'consumer/enabled', 'boolean'],
    ['replicas=3', "''", "'replicas' not allowed"],
    ['config.metrics_addr=:1', 'config.metrics_addr', 'metrics.port'],
    ['config.http.addr=:1', 'config.http.addr', "is the chart's"],
    ['config.shutdown_delay=3s', 'config.shutdown_delay', 'drainSeconds'],
    ['ingress.enabled=true', 'realIpHeader', 'needs'],
    ['consumer.enabled=true,consumer.replicaCount=2', 'consumer.replicaCount', 'PostgreSQL or MySQL'],
  ])('refuses %s', (values, where, why) => {
    const { code, stderr } = helm('template', 'fleet', CHART, '--set', values)
    expect(code).not.toBe(0)
    expect(stderr).toContain(where)
    expect(stderr).toContain(why)
  })

  test.each([
    ['its defaults', []],
    ['every switch on', EVERYTHING_ON],
  ])('writes a configuration that the tracker takes, with %s', async (_, args) => {
    const manifests = renderChart(...args)
    const path = join(temporaryFolder(), 'redswarm.yaml')
    writeFileSync(path, only(manifests, 'ConfigMap').data['redswarm.yaml'])
    const { code, stdout, stderr } = await redswarm(['check-config', '--config', path], {
      REDIS_URL: 'redis://tracker:x@redis:6379/0',
      UDP_PRIVATE_KEY: '0123456789abcdef0123456789abcdef',
      VERIFY_API_KEY: 'x',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { chihaya } = parse(stdout)
    const tracker = manifests.find(
      ({ kind, metadata }) =>
        kind === 'Deployment' && metadata.labels['app.kubernetes.io/component'] === 'tracker',
    )!
    const { spec } = tracker.spec.template
    const ports = Object.fromEntries(
      spec.containers[0].ports.map((port: { name: string; containerPort: number }) => [
        port.name,
        port.containerPort,
      ]),
    )
    expect({ http: chihaya.http.addr, udp: chihaya.udp.addr, metrics: chihaya.metrics_addr }).toEqual({
      http: `[::]:${ports.http}`,
      udp: `[::]:${ports.udp}`,
      metrics: `[::]:${ports.metrics}`,
    })
    const delay = Number.parseInt(chihaya.shutdown_delay, 10)
    const timeout = Number.parseInt(chihaya.shutdown_timeout, 10)
    expect(delay).toBe(10)
    expect(spec.terminationGracePeriodSeconds).toBeGreaterThan(delay + timeout)
  })

  test('a changed configuration rolls the pods, anything else does not', () => {
    const sum = (...args: string[]) =>
      only(renderChart(...args), 'Deployment').spec.template.metadata.annotations['checksum/config']
    expect(sum()).toMatch(/^[0-9a-f]{64}$/)
    expect(sum('--set', 'config.announce_interval=20m')).not.toBe(sum())
    expect(sum('--set', 'replicaCount=5')).toBe(sum())
  })

  test('nobody is root, nothing can be written to, and no secret stands in a manifest', () => {
    const manifests = renderChart(...EVERYTHING_ON)
    for (const name of ['mysite', 'mysite-consumer']) {
      const deployment = only(manifests, 'Deployment', name)
      const { spec } = deployment.spec.template
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      })
      expect(containerOf(deployment)).toMatchObject({
        image: `registry.example/redswarm@sha256:${'0'.repeat(64)}`,
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
      })
      const redis = containerOf(deployment).env.find(({ name }: { name: string }) => name === 'REDIS_URL')
      expect(redis.valueFrom.secretKeyRef.name).toBe('my-redis')
    }
    expect(manifests.some(({ kind }) => kind === 'Secret')).toBe(false)
  })

  test('probes, Services and monitors ask ports that there are, of pods that there are', () => {
    const manifests = renderChart(...EVERYTHING_ON)
    const pods = manifests.filter(({ kind }) => kind === 'Deployment').map(({ spec }) => spec.template)
    const selects = (selector: Record<string, string>) =>
      pods.filter(({ metadata }) =>
        Object.entries(selector).every(([key, value]) => metadata.labels[key] === value),
      )
    for (const { spec, metadata } of manifests.filter(({ kind }) => kind === 'Service')) {
      const chosen = selects(spec.selector)
      expect(chosen, metadata.name).toHaveLength(1)
      const names = chosen[0].spec.containers[0].ports.map(({ name }: { name: string }) => name)
      for (const { targetPort } of spec.ports) expect(names).toContain(targetPort)
    }
    for (const { spec, metadata } of manifests.filter(({ kind }) => kind === 'ServiceMonitor')) {
      const services = manifests.filter(
        ({ kind, metadata }) =>
          kind === 'Service' &&
          Object.entries(spec.selector.matchLabels).every(([key, value]) => metadata.labels[key] === value),
      )
      expect(services, metadata.name).toHaveLength(1)
      expect(services[0]!.metadata.name).toContain('redswarm') // the job, for which the alerts look
      expect(services[0]!.spec.ports[0].name).toBe(spec.endpoints[0].port)
    }
  })
})

describe('the alerts of the chart', () => {
  const rules = join(ROOT, 'dist/prometheus/rules')

  test('are those of dist/prometheus', () => {
    const texts = (folder: string) =>
      Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
    expect(texts(join(CHART, 'rules')), 'cp dist/prometheus/rules/*.yml dist/helm/redswarm/rules/').toEqual(
      texts(rules),
    )
  })

  test.skipIf(isHelmMissing() || isMissing('promtool'))(
    'all arrive in the PrometheusRule, and promtool takes them',
    () => {
      const rule = only(renderChart(...EVERYTHING_ON), 'PrometheusRule')
      const alertsOf = (groups: { rules: { alert?: string }[] }[]) =>
        groups.flatMap((group) => group.rules.flatMap(({ alert }) => alert ?? [])).sort()
      const wanted = readdirSync(rules).flatMap(
        (name) => parse(readFileSync(join(rules, name), 'utf8')).groups,
      )
      expect(alertsOf(rule.spec.groups)).toEqual(alertsOf(wanted))
      expect(JSON.stringify(rule)).toContain('{{ $labels.instance }}')
      checkRules(rule, join(temporaryFolder(), 'rules.yml'))
    },
  )
})
