import { counted, showCount } from '../amounts.ts'
import type { Leftover, PasskeyFacts, RedisFacts } from '../facts.ts'
import { error, type Finding, info as note, ok, redisCli, redswarm, warning } from '../finding.ts'

const SOME_FILE = '/tmp/passkeys'

/** The whitelist: there, in the right case, and without the remains of a swap. Never shows a passkey. */
export function checkPasskeys({ passkeys, config }: Pick<RedisFacts, 'passkeys' | 'config'>): Finding[] {
  if (!config.passkeyApproval)
    return [
      note('passkeys', 'the hook passkey approval is off', {
        meaning: 'Everybody may announce, and nobody can be told from anybody else.',
        remedy: 'Add it to prehooks, unless that is what you want.',
      }),
    ]
  if (!config.passkeyApproval.hasWhitelist)
    return [ok('passkeys', 'the site is asked about each passkey: no list is kept')]
  return [...whitelist(passkeys), ...members(passkeys), ...leftovers(passkeys)]
}

function whitelist({ key, count, staged, replaced, isImporting }: PasskeyFacts): Finding[] {
  if (count === undefined) return []
  if (count > 0) return [ok('passkeys', `${key} lists ${counted(count, 'passkey', 'passkeys')}`)]
  const what = `${key} is missing`
  const meaning =
    'Every announce is answered “tracker temporarily unavailable”. (Redis knows no empty sets: a list without members looks the same.)'
  const found = [staged, replaced].find((each) => (each.count ?? 0) > 0)
  if (found && !isImporting)
    return [
      error('passkeys', `${what}, and ${found.key} has ${counted(found.count!, 'member', 'members')}`, {
        meaning,
        remedy: 'A swap of the whole list was not finished. This puts the list in place:',
        commands: [redisCli('RENAMENX', found.key, key)],
      }),
    ]
  return [
    error('passkeys', what, {
      meaning,
      remedy: `Import the site’s list, one passkey a line. Is it there under another name? Then key_prefix or set_key are not those of the site.`,
      commands: [redswarm('passkeys', 'import', 'FILE')],
    }),
  ]
}

function members({ capitals, malformed, looked, count = 0 }: PasskeyFacts): Finding[] {
  const findings: Finding[] = []
  const among = looked < count ? ` among ${showCount(looked)} looked at` : ''
  if (malformed > 0)
    findings.push(
      error('passkeys-malformed', `${counted(malformed, 'member is', 'members are')} no passkey${among}`, {
        meaning:
          'A passkey is 1 to 128 of A-Z a-z 0-9 - _. No announce can ever have one of these: rather a wrong column or quotes were imported.',
        remedy: 'Replace the list by one that is checked line by line:',
        commands: [redswarm('passkeys', 'import', '--replace', 'FILE')],
      }),
    )
  if (capitals > 0)
    findings.push(
      error(
        'passkeys-case',
        `${counted(capitals, 'passkey', 'passkeys')} of hex digits with capitals${among}`,
        {
          meaning:
            'A passkey of hex digits only is looked up in lowercase, since clients and sites disagree on its case. These users are refused: unapproved passkey.',
          remedy:
            'Write hex in lowercase. An import does that by itself, so the list can go out and in again; the file holds every passkey, so remove it afterwards:',
          commands:
            malformed > 0
              ? []
              : [
                  redswarm('passkeys', 'export', '--output', SOME_FILE),
                  redswarm('passkeys', 'import', '--replace', SOME_FILE),
                ],
        },
      ),
    )
  return findings
}

function leftovers({
  key,
  count = 0,
  staged,
  replaced,
  before,
  touched,
  isImporting,
}: PasskeyFacts): Finding[] {
  const isLeft = (each: Leftover) => (each.count ?? 0) > 0
  const findings: Finding[] = []
  if (isImporting) findings.push(note('passkeys-import', 'an import replaces the whole list right now'))
  const parts = [staged, before, touched].filter(isLeft)
  if (count > 0 && !isImporting && parts.length > 0)
    findings.push(
      warning(
        'passkeys-staged',
        `${parts.map((each) => `${each.key} (${showCount(each.count!)})`).join(', ')} left over`,
        {
          meaning:
            'A new list was begun and never put in place: an import that was killed, or a site that did not get to its RENAME.',
          remedy: `Was it complete and meant to be the list? Then RENAME ${staged.key} ${key}. Otherwise it may go:`,
          commands: [redisCli('UNLINK', ...parts.map((each) => each.key))],
        },
      ),
    )
  if (count > 0 && isLeft(replaced))
    findings.push(
      note('passkeys-old', `${replaced.key} has ${counted(replaced.count!, 'member', 'members')}`, {
        meaning:
          'The list before the last swap by two renames. It takes memory and is not looked at. One RENAME of the new list is enough, and has no gap.',
        remedy: 'It may go:',
        commands: [redisCli('UNLINK', replaced.key)],
      }),
    )
  return findings
}
