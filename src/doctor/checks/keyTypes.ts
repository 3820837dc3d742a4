import { showTime } from '../amounts.ts'
import type { KeyFacts, RedisFacts, SampleFacts } from '../facts.ts'
import { error, type Finding, ok, redisCli } from '../finding.ts'

/** Whether each key is what the programs take it for, and none has an end that nobody meant. */
export function checkKeyTypes({
  keys,
  swarms,
  sessions,
}: Pick<RedisFacts, 'keys' | 'swarms' | 'sessions'>): Finding[] {
  const wrong = [
    ...keys.filter(({ type, wanted }) => type !== 'none' && type !== wanted).map(wrongType),
    ...wrongSamples(swarms, 'zset'),
    ...wrongSamples(sessions, 'hash'),
  ]
  const ending = keys.filter(({ ttlSeconds }) => ttlSeconds >= 0).map(vanishes)
  if (wrong.length + ending.length > 0) return [...wrong, ...ending]
  const looked = keys.length + swarms.length + sessions.length
  return looked > 0 ? [ok('key-type', `${looked} keys looked at are what they should be`)] : []
}

function wrongType({ key, type, wanted }: KeyFacts): Finding {
  return error('key-type', `${key} is a ${type}, and has to be a ${wanted}`, {
    meaning:
      'Every script that touches it fails (WRONGTYPE). Something else writes to this Redis under the same name.',
    remedy:
      'Find out who wrote it; key_prefix keeps two programs apart. This moves it out of the way, and loses nothing:',
    commands: [redisCli('RENAMENX', key, `${key}.wrong-type`)],
  })
}

function wrongSamples(samples: readonly SampleFacts[], wanted: string): Finding[] {
  const wrong = samples.filter(({ type }) => type !== wanted)
  return wrong.length === 0
    ? []
    : [
        error(
          'key-type',
          `${wrong.length} of ${samples.length} keys like ${wrong[0]!.key.replace(/:[^:]*$/, '')} are no ${wanted}`,
          {
            meaning:
              'Announces to these torrents fail (WRONGTYPE). Something else writes to this Redis under the same names.',
            remedy:
              'Find out who wrote them; key_prefix keeps two programs apart. This moves one out of the way, and loses nothing:',
            commands: [redisCli('RENAMENX', wrong[0]!.key, `${wrong[0]!.key}.wrong-type`)],
          },
        ),
      ]
}

function vanishes({ key, ttlSeconds }: KeyFacts): Finding {
  return error('key-ttl', `${key} vanishes in ${showTime(ttlSeconds)}`, {
    meaning: 'It has been given a time to live, which nothing of Redswarm does.',
    remedy: 'Find out who did it (EXPIRE, SETEX, an import script), and take it off:',
    commands: [redisCli('PERSIST', key)],
  })
}
