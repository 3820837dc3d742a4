// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what is tested
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import { file, hook, http, problemsOf, storage } from '../../support/builders/configFiles.ts'

test('ten different mistakes are named in one go', () => {
  const problems = problemsOf(
    `
chihaya:
  announce_intervall: 30m
  log_level: loud
  min_announce_interval: 45m
  http:
    addr: "6969"
    max_numwant: 100000
    read_timeout: 5
    trusted_proxies: [10.0.0.0/33]
    enable_keepalive: perhaps
  storage:
    config:
      counter_reset: never
      redis_broker: "\${NOWHERE}"
  prehooks:
    - name: jwt
    - name: passkey aproval
    - name: traffic push
      options: {extra_fields: [up, upp], max_len: -1}
`,
    {},
  )
  for (const start of [
    'chihaya.announce_intervall: unknown key; the nearest known key is announce_interval',
    'chihaya.log_level: loud is none of trace, debug',
    'chihaya.min_announce_interval: 45m is above announce_interval, 30m',
    'chihaya.http.addr: 6969 is not an address',
    'chihaya.http.max_numwant: 100000 is above 2000',
    'chihaya.http.read_timeout: 5 has no unit; write 5s',
    'chihaya.http.trusted_proxies[0]: 10.0.0.0/33 has a prefix out of range',
    'chihaya.http.enable_keepalive: perhaps is neither true nor false',
    'chihaya.storage.config.counter_reset: never is none of zero, per_counter',
    'chihaya.storage.config.redis_broker: environment variable NOWHERE is not set',
    'chihaya.prehooks[0].options.issuer: is missing',
    'chihaya.prehooks[0].options.audience: is missing',
    'chihaya.prehooks[0].options.jwk_set_url: is missing',
    'chihaya.prehooks[1].name: "passkey aproval" is no hook; known are passkey approval',
    'chihaya.prehooks[2].options.extra_fields[1]: upp is none of up, down',
    'chihaya.prehooks[2].options.max_len: -1 is below 0',
  ])
    assert.equal(
      problems.filter((line) => line.startsWith(start)).length,
      1,
      `${start}\n${problems.join('\n')}`,
    )
  assert.equal(problems.length, 16, problems.join('\n'))
})

test.each<[string, string, RegExp]>([
  ['neither http nor udp', 'chihaya: {log_level: info}', /^chihaya\.http: is missing, and so is udp/],
  ['http without an address', 'chihaya: {http: {}}', /^chihaya\.http\.addr: is missing/],
  ['a section that is no section', 'chihaya: {http: 1}', /^chihaya\.http: 1 is not a section/],
  ['a list that is no list', http('announce_routes: /a'), /announce_routes: \/a is not a list/],
  ['no announce route', http('announce_routes: []'), /announce_routes: \[\] is empty/],
  [
    'a malformed route',
    http('announce_routes: [announce]'),
    /announce_routes\[0\]: announce must begin with \//,
  ],
  [
    'a route for both',
    http('scrape_routes: [/announce]'),
    /scrape_routes\[0\]: \/announce would never be reached: \/announce in announce_routes takes its requests/,
  ],
  ['default above maximum', http('max_numwant: 20'), /default_numwant: 50 is above max_numwant, 20/],
  ['too many infohashes', http('max_scrape_infohashes: 1001'), /1001 is above 1000/],
  ['a port out of range', 'chihaya: {http: {addr: ":70000"}}', /addr: :70000 has a port above 65535/],
  [
    'one port for two',
    file('metrics_addr: 127.0.0.1:6969'),
    /metrics_addr: port 6969 is taken by http\.addr/,
  ],
  ['HTTPS without files', http('https_addr: ":443"'), /https_addr: needs tls_cert_path and tls_key_path/],
  ['no workers', file('workers: 0'), /workers: 0 is neither 1 to 256 nor auto/],
  [
    'memory storage',
    file('storage: {name: memory, config: {shard_count: 1, bogus: 2}}'),
    /^chihaya\.storage\.name: memory is not available; Redswarm keeps all swarm state in Redis: write name: redis/,
  ],
  [
    'a lifetime of one interval',
    storage('peer_lifetime: 30m'),
    /peer_lifetime: 30m is not above announce_interval, 30m/,
  ],
  [
    'accounting shorter than peers',
    storage('accounting_ttl: 30m'),
    /accounting_ttl: 30m is below peer_lifetime, 45m \(its default\)/,
  ],
  [
    'an interval above its default',
    file('min_announce_interval: 40m'),
    /min_announce_interval: 40m is above announce_interval, 30m \(its default\)$/,
  ],
  ['half a second of lifetime', storage('peer_lifetime: 1900.5s'), /is not a whole number of seconds/],
  ['a prefix with a hash tag', storage('key_prefix: "{a}"'), /key_prefix/],
  ['a number as text', storage('key_prefix: 12'), /key_prefix: 12 is not text: put it in quotes/],
  [
    'plain http to the site',
    hook('passkey approval', 'http_url: "http://site.example/v"'),
    /is not an https:/,
  ],
  [
    'a key too short',
    hook('passkey approval', 'encryption_key: abc'),
    /encryption_key: \*\*\* is not a key of 32 bytes/,
  ],
  [
    'a hook twice',
    file('prehooks: [{name: traffic push}, {name: traffic push}]'),
    /prehooks\[1\]\.name: "traffic push" stands in the file twice/,
  ],
  [
    'an approval after the answer',
    file('posthooks: [{name: passkey approval}]'),
    /posthooks\[0\]\.name.*belongs under prehooks/,
  ],
  ['a hook without a name', file('prehooks: [{options: {}}]'), /prehooks\[0\]\.name: is missing/],
  [
    'an unknown key of a hook entry',
    file('prehooks: [{name: traffic push, option: {}}]'),
    /prehooks\[0\]\.option: unknown key; the nearest known key is options/,
  ],
  ['an unknown top key', `${file()}other: 1\n`, /^other: unknown key; the nearest known key is chihaya/],
])('%s is refused with one line', (_, text, line) => {
  const problems = problemsOf(text)
  assert.equal(problems.length, 1, problems.join('\n'))
  assert.match(problems[0]!, line)
})

test.each(['', '- a', 'text', 'chihaya:', 'chihaya: 7'])('%j is refused as a file', (text) => {
  assert.ok(problemsOf(text).length > 0)
})

test.each([
  'client approval',
  'torrent approval',
  'interval variation',
  'announce rate',
  'passkey approval',
  'traffic push',
])('an unknown option of the hook %s is refused', (name) => {
  const problems = problemsOf(hook(name, 'bogus: 1'))
  assert.equal(problems.length, 1, problems.join('\n'))
  assert.match(problems[0]!, /options\.bogus: unknown key/)
})

test('a malformed REDIS_URL is refused without being shown', () => {
  const problems = problemsOf(file(), { REDIS_URL: 'http://s3cret@h' })
  assert.match(problems.join(), /^REDIS_URL in the environment is not a Redis URL/)
  assert.doesNotMatch(problems.join(), /s3cret/)
})

test('no secret is ever in a problem', () => {
  const secret = 'hunter2'
  const texts = [
    storage(`redis_broker: "redis://${secret}@h/x"`),
    storage(`redis_broker: "${secret}"`),
    storage(`redis_broker: "redis://u:${secret}@"`),
    `chihaya: {udp: {addr: ":1", private_key: {a: ${secret}}}}`,
    `chihaya: {udp: {addr: ":1", previous_private_keys: ${secret}}}`,
    hook('passkey approval', `http_api_key: [${secret}], http_signature_secret: {a: ${secret}}`),
    hook('passkey approval', `http_url: "http://${secret}@h/"`),
    hook('passkey approval', `http_url: "http://h/?key=${secret}"`),
    `chihaya:\n  udp:\n    private_key: *${secret}\n`,
    `chihaya:\n  udp:\n    private_key: !${secret} x\n`,
    `chihaya:\n  udp:\n    private_key: "${secret}\n`,
    `chihaya:\n  udp:\n    private_key: "a"${secret}\n`,
    `chihaya:\n  udp:\n    private_key: @${secret}\n`,
  ]
  for (const text of texts) {
    const problems = problemsOf(text)
    assert.ok(problems.length > 0, text)
    assert.doesNotMatch(problems.join('\n'), /hunter2/, text)
  }
})

test('any tree of known and unknown keys gives a configuration or a ConfigError', () => {
  const keys = [
    'http',
    'udp',
    'storage',
    'config',
    'name',
    'prehooks',
    'posthooks',
    'options',
    'addr',
    'announce_routes',
    'x',
  ]
  const leaf = fc.constantFrom<unknown>(
    null,
    '',
    1,
    -1,
    true,
    'redis',
    'memory',
    'traffic push',
    ':1',
    '30m',
    '${X}',
    '[',
  )
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 5 }),
    ),
  }))
  fc.assert(
    fc.property(tree, (chihaya) => {
      problemsOf(JSON.stringify({ chihaya })) // fails on anything but a ConfigError
    }),
    { numRuns: 500 },
  )
})
