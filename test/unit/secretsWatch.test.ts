import { expect, test } from 'vitest'
import {
  noteSecretsOfCommand,
  noteSecretsOfConfig,
  noteSecretsOfUrl,
  saidSecrets,
  watchOutput,
} from '../support/secretsWatch.ts'

const said: string[] = []
watchOutput('a program', () => said.join('\n'))

/** Whether this text, once said, is found. */
function isFound(text: string): boolean {
  said.push(`{"msg":"before ${text} after"}`)
  const { leaks } = saidSecrets()
  said.pop()
  expect(leaks.join()).not.toContain(text)
  return leaks.length > 0
}

test('whatever way a secret is handed over, it is found when it is said', () => {
  noteSecretsOfUrl('http://127.0.0.1:1/announce/key-after-the-route?info_hash=1')
  noteSecretsOfUrl('http://127.0.0.1:1/key-before-the-route/announce?info_hash=1')
  noteSecretsOfUrl('/announce?info_hash=1&passkey=AABBCCDDEEFF0011')
  noteSecretsOfUrl('redis://tracker:password-of-redis@127.0.0.1:1/0')
  noteSecretsOfUrl('redis://only-a-password@127.0.0.1:1/0')
  noteSecretsOfConfig({
    udp: { private_key: 'key-of-udp', previous_private_keys: ['older-key-of-udp'] },
    prehooks: [
      { options: { http_url: 'https://site/verify?token=token-of-site', http_api_key: 'key-of-site' } },
    ],
  })
  noteSecretsOfCommand(['passkeys', 'add', 'key-of-a-user', '--config', '/etc/redswarm.yaml'], {
    REDIS_URL: 'redis://:password-of-env@127.0.0.1:1',
  })
  for (const secret of [
    'key-after-the-route',
    'key-before-the-route',
    'aabbccddeeff0011',
    'password-of-redis',
    'only-a-password',
    'key-of-udp',
    'older-key-of-udp',
    'token-of-site',
    'key-of-site',
    'key-of-a-user',
    'password-of-env',
    'secret-of-tracker-in-redis',
  ])
    expect(isFound(secret), secret).toBe(true)
})

test('what is no secret is not taken for one', () => {
  noteSecretsOfUrl('http://127.0.0.1:6969/announce')
  noteSecretsOfUrl('http://127.0.0.1:6969/announce?info_hash=1')
  noteSecretsOfUrl('redis://127.0.0.1:6379/0')
  noteSecretsOfCommand(['passkeys', 'count', '--config', '/etc/redswarm.yaml'], {})
  for (const text of [
    'announce',
    '127.0.0.1',
    '127.0.0.1:6969',
    '/etc/redswarm.yaml',
    'redis://127.0.0.1:6379/0',
  ])
    expect(isFound(text), text).toBe(false)
})
