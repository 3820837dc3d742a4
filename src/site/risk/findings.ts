import type { Infohash } from '../../bittorrent/types.ts'
import type { Exemptions } from './exemptions.ts'
import type { Span, WindowFeatures } from './features.ts'
import type { Finding } from './finding.ts'
import type { FeatureReader, NotableRow } from './readFeatures.ts'
import { completedWithoutData } from './rules/completedWithoutData.ts'
import { counterResets } from './rules/counterResets.ts'
import { impossibleRate } from './rules/impossibleRate.ts'
import { manyNetworks } from './rules/manyNetworks.ts'
import { sharedIdentity } from './rules/sharedIdentity.ts'
import { uploadAboveDownloads } from './rules/uploadAboveDownloads.ts'
import { isUploadWithoutLeechers, uploadWithoutLeechers } from './rules/uploadWithoutLeechers.ts'
import type { RiskSettings } from './thresholds.ts'

/** How often the torrents are added up: a whole day each time, and nothing of it changes within minutes. */
const BALANCE_EVERY_SECONDS = 3600

export interface FindingSources {
  readonly reader: FeatureReader
  readonly exemptions: Exemptions
  readonly settings: RiskSettings
}

/** What all rules that are on have to say about one window. */
export async function findingsOf(span: Span, sources: FindingSources): Promise<Finding[]> {
  const { rules } = sources.settings
  const findings: Finding[] = []
  if (rules.impossibleRate.action !== 'off') findings.push(...(await tooFast(span, sources)))
  findings.push(...(await ofNotableRows(span, sources)))
  if (rules.uploadAboveDownloads.action !== 'off') findings.push(...(await unbalanced(span, sources)))
  if (rules.manyNetworks.action !== 'off') findings.push(...(await spread(span, sources)))
  if (rules.sharedIdentity.action !== 'off') findings.push(...(await shared(span, sources)))
  return findings.filter(({ passkey }) => passkey === undefined || !sources.exemptions.isExempt(passkey))
}

async function tooFast(span: Span, { reader, exemptions, settings }: FindingSources): Promise<Finding[]> {
  const thresholds = settings.rules.impossibleRate
  const findings: Finding[] = []
  for (const rows of await reader.fastPasskeys(span.fromSeconds, thresholds)) {
    const first = impossibleRate(rows, span, thresholds)
    if (first.length === 0 || !exemptions.hasSeedboxes) findings.push(...first)
    else findings.push(...impossibleRate(await withoutSeedboxes(rows), span, thresholds))
  }
  return findings

  /** A torrent counts as a seedbox's when all of the user's clients on it are there. */
  async function withoutSeedboxes(rows: readonly WindowFeatures[]): Promise<WindowFeatures[]> {
    const torrents = rows.map(({ infohash }) => infohash)
    const sessions = await reader.sessions(rows[0]!.passkey, torrents, span.fromSeconds)
    const isElsewhere = new Map<Infohash, boolean>()
    for (const session of sessions) {
      const before = isElsewhere.get(session.infohash) ?? false
      isElsewhere.set(session.infohash, before || !exemptions.isSeedbox(session))
    }
    return rows.filter(({ infohash }) => isElsewhere.get(infohash) ?? true)
  }
}

/** The three rules that begin with something in a row of this window. */
async function ofNotableRows(span: Span, sources: FindingSources): Promise<Finding[]> {
  const { rules } = sources.settings
  const minBytes = rules.uploadWithoutLeechers.minBytes
  const rows = await sources.reader.notableRows(span.fromSeconds, minBytes)
  return [
    ...(rules.uploadWithoutLeechers.action === 'off' ? [] : await toNobody(span, rows, sources)),
    ...(rules.counterResets.action === 'off' ? [] : await anew(span, rows, sources)),
    ...(rules.completedWithoutData.action === 'off' ? [] : await finished(span, rows, sources)),
  ]
}

async function toNobody(
  span: Span,
  rows: readonly NotableRow[],
  { reader, settings }: FindingSources,
): Promise<Finding[]> {
  const thresholds = settings.rules.uploadWithoutLeechers
  const findings: Finding[] = []
  for (const row of rows) {
    if (!isUploadWithoutLeechers(row, thresholds)) continue
    const around = {
      fromSeconds: span.fromSeconds - thresholds.lookaroundSeconds,
      untilSeconds: span.untilSeconds + thresholds.lookaroundSeconds,
    }
    const swarm = await reader.swarm(row.infohash, row.passkey, around)
    const finding = uploadWithoutLeechers(row, swarm, span, thresholds)
    if (finding) findings.push(finding)
  }
  return findings
}

async function anew(
  span: Span,
  rows: readonly NotableRow[],
  { reader, settings }: FindingSources,
): Promise<Finding[]> {
  const thresholds = settings.rules.counterResets
  const period = periodUntil(span, thresholds.periodSeconds)
  const findings: Finding[] = []
  for (const { passkey, infohash } of rows.filter(({ resets }) => resets > 0)) {
    const finding = counterResets(await reader.resets(passkey, infohash, period), period, thresholds)
    if (finding) findings.push(finding)
  }
  return findings
}

async function finished(
  span: Span,
  rows: readonly NotableRow[],
  { reader, settings }: FindingSources,
): Promise<Finding[]> {
  const thresholds = settings.rules.completedWithoutData
  const period = periodUntil(span, thresholds.periodSeconds)
  const passkeys = new Set(rows.filter((row) => row.completedNoData > 0).map(({ passkey }) => passkey))
  const findings: Finding[] = []
  for (const passkey of passkeys) {
    const finding = completedWithoutData(await reader.completions(passkey, period), period, thresholds)
    if (finding) findings.push(finding)
  }
  return findings
}

async function unbalanced(span: Span, { reader, settings }: FindingSources): Promise<Finding[]> {
  const thresholds = settings.rules.uploadAboveDownloads
  const hour = (seconds: number) => Math.floor(seconds / BALANCE_EVERY_SECONDS)
  if (hour(span.fromSeconds) === hour(span.untilSeconds)) return []
  const period = periodUntil(span, thresholds.periodSeconds)
  const recentSeconds = Math.min(span.fromSeconds, span.untilSeconds - BALANCE_EVERY_SECONDS)
  const marginSeconds = settings.evaluationDelaySeconds
  const odd = await reader.oddTorrents(period, { recentSeconds, marginSeconds }, thresholds)
  const torrents = await reader.torrents(odd, period, marginSeconds)
  return torrents.flatMap((torrent) => uploadAboveDownloads(torrent, period, thresholds))
}

async function spread(span: Span, { reader, exemptions, settings }: FindingSources): Promise<Finding[]> {
  const thresholds = settings.rules.manyNetworks
  const findings: Finding[] = []
  for (const passkey of await reader.spreadPasskeys(span, thresholds)) {
    const sessions = await reader.liveSessions(passkey, span)
    const finding = manyNetworks(
      sessions.filter((session) => !exemptions.isSeedbox(session)),
      span,
      thresholds,
    )
    if (finding) findings.push(finding)
  }
  return findings
}

async function shared(span: Span, { reader, exemptions, settings }: FindingSources): Promise<Finding[]> {
  const thresholds = settings.rules.sharedIdentity
  const sightings = await reader.sharedSightings(span, thresholds)
  const ours = sightings
    .filter(({ passkey }) => !exemptions.isExempt(passkey))
    // A host's address passes from customer to customer; the peer id says enough.
    .map((each) => (exemptions.isSeedbox(each) ? { ...each, ip4: undefined, ip6: undefined } : each))
  return sharedIdentity(ours, span, thresholds)
}

function periodUntil({ untilSeconds }: Span, seconds: number): Span {
  return { fromSeconds: untilSeconds - seconds, untilSeconds }
}
