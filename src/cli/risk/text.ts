import { maskPasskey } from '../../bittorrent/passkey.ts'
import { timeText } from '../../runtime/timeText.ts'
import type { Finding } from '../../site/risk/finding.ts'
import type { RiskFlag } from '../../site/risk/flags.ts'
import { bytesInWords } from '../../site/risk/inWords.ts'
import type { EvidenceValue } from '../../site/risk/verdict.ts'

const HASH_SHOWN = 12

/** One line a flag, under a line of titles. */
export function flagTable(flags: readonly RiskFlag[], isMasked: boolean): string {
  const rows = flags.map((flag) => [
    flag.flag,
    time(flag.lastWindowSeconds),
    flag.severity,
    flag.rule,
    flag.hold?.state === 'active' ? 'on hold' : flag.state,
    user(flag.passkey, isMasked),
    flag.infohash?.slice(0, HASH_SHOWN) ?? '',
    flag.summary + (flag.windows > 1 ? ` (${flag.windows} windows)` : ''),
  ])
  return columns([['flag', 'seen (UTC)', 'severity', 'rule', 'state', 'user', 'torrent', 'what'], ...rows])
}

/** Findings that were not written down. */
export function findingTable(findings: readonly Finding[], isMasked: boolean): string {
  const rows = findings.map(({ fromSeconds, untilSeconds, severity, rule, passkey, infohash, summary }) => [
    time(fromSeconds),
    time(untilSeconds),
    severity,
    rule,
    user(passkey, isMasked),
    infohash?.slice(0, HASH_SHOWN) ?? '',
    summary,
  ])
  return columns([['from (UTC)', 'until', 'severity', 'rule', 'user', 'torrent', 'what'], ...rows])
}

/** All there is to a flag. */
export function flagDetails(flag: RiskFlag, isMasked: boolean): string {
  const { hold } = flag
  const lines: [string, string][] = [
    ['flag', flag.flag],
    ['state', flag.state],
    ['severity', flag.severity],
    ['rule', `${flag.rule}, version ${flag.version}, action ${flag.action}`],
    ['user', user(flag.passkey, isMasked)],
    ['torrent', flag.infohash ?? 'all'],
    ['what', flag.summary],
    [
      'windows',
      `${flag.windows}, from ${time(flag.firstWindowSeconds)} to ${time(flag.lastWindowSeconds)} UTC`,
    ],
    ['noted', `${time(flag.notedAtSeconds)} UTC`],
  ]
  if (hold)
    lines.push([
      'hold',
      `${hold.state}: ${bytesInWords(hold.uploaded)} up, ${bytesInWords(hold.downloaded)} down`,
    ])
  if (flag.deniedAtSeconds !== undefined) lines.push(['denied', `${time(flag.deniedAtSeconds)} UTC`])
  if (flag.decidedAtSeconds !== undefined)
    lines.push(['decided', `${time(flag.decidedAtSeconds)} UTC by ${flag.decidedBy}`])
  if (flag.note !== undefined) lines.push(['note', flag.note])
  const evidence = Object.entries(withMaskedPasskeys(flag.evidence, isMasked) as object)
  for (const [name, value] of evidence)
    lines.push([`  ${name}`, typeof value === 'object' ? JSON.stringify(value) : String(value)])
  const width = Math.max(...lines.map(([name]) => name.length))
  return `${lines.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`).join('\n')}\n`
}

/** For programs: amounts as decimal strings, nothing as null. */
export function flagJson(flag: RiskFlag, isMasked: boolean) {
  const { hold, passkey } = flag
  return {
    ...flag,
    passkey: passkey === undefined ? null : user(passkey, isMasked),
    infohash: flag.infohash ?? null,
    evidence: withMaskedPasskeys(flag.evidence, isMasked),
    hold: hold ? { ...hold, uploaded: String(hold.uploaded), downloaded: String(hold.downloaded) } : null,
    deniedAtSeconds: flag.deniedAtSeconds ?? null,
    decidedAtSeconds: flag.decidedAtSeconds ?? null,
    decidedBy: flag.decidedBy ?? null,
    note: flag.note ?? null,
  }
}

export function findingJson(finding: Finding, isMasked: boolean) {
  const { passkey, infohash, evidence } = finding
  return {
    ...finding,
    passkey: passkey === undefined ? null : user(passkey, isMasked),
    infohash: infohash ?? null,
    evidence: withMaskedPasskeys(evidence, isMasked),
  }
}

function user(passkey: string | undefined, isMasked: boolean): string {
  if (passkey === undefined) return ''
  return isMasked ? maskPasskey(passkey) : passkey
}

/** Evidence names other users, under names that say so. */
function withMaskedPasskeys(value: EvidenceValue, isMasked: boolean, name = ''): EvidenceValue {
  if (!isMasked) return value
  if (typeof value === 'string') return /passkeys?$/i.test(name) ? maskPasskey(value) : value
  if (Array.isArray(value)) return value.map((each) => withMaskedPasskeys(each, isMasked, name))
  if (typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withMaskedPasskeys(inner, isMasked, key)]),
  )
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)))
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!))).join('  ')
  return `${rows.map((row) => printable(line(row)).trimEnd()).join('\n')}\n`
}

/** A note may be anything, control characters among it. */
const printable = (text: string) => text.replace(/\p{Cc}/gu, '?')

const time = (seconds: number) => timeText(seconds, 'minute')
