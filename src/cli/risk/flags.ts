import { openLedger } from '../../site/ledger/ledger.ts'
import { systemUser } from '../../site/passkeys/passkeyAudit.ts'
import type { FlagFilter } from '../../site/risk/findFlags.ts'
import type { RiskFlag } from '../../site/risk/flags.ts'
import { openRiskDesk, type RiskDesk } from '../../site/risk/riskDesk.ts'
import { flagDetails, flagJson, flagTable } from './text.ts'

export interface RiskOptions {
  readonly db: string
  readonly json: boolean
  /** Show passkeys whole. */
  readonly passkeys: boolean
}

const out = (text: string) => void process.stdout.write(text)

/** `redswarm risk list`: those seen last come first. */
export function listFlags(
  filter: FlagFilter & { readonly limit: number },
  options: RiskOptions,
): Promise<void> {
  return withDesk(options, async (desk) => {
    const flags = await desk.list({ ...filter, limit: filter.limit + 1 })
    const shown = flags.slice(0, filter.limit)
    if (options.json) return out(`${JSON.stringify({ flags: shown.map((flag) => json(flag, options)) })}\n`)
    if (shown.length === 0) return out('no flags\n')
    out(flagTable(shown, !options.passkeys))
    if (flags.length > shown.length) out('… and more; --limit shows them\n')
  })
}

/** `redswarm risk show`. */
export function showFlags(names: readonly string[], options: RiskOptions): Promise<void> {
  return withDesk(options, async (desk) => {
    for (const [at, name] of names.entries()) {
      const flag = await desk.show(name)
      if (!flag) throw new Error(`there is no flag ${name}`)
      if (options.json) out(`${JSON.stringify(json(flag, options))}\n`)
      else out(`${at > 0 ? '\n' : ''}${flagDetails(flag, !options.passkeys)}`)
    }
  })
}

export interface DecideOptions extends RiskOptions {
  readonly actor: string | undefined
  readonly note: string | undefined
}

/** `redswarm risk dismiss|release|void`: one transaction each; the first one that cannot be ends it. */
export function decideFlags(
  decision: 'dismiss' | 'release' | 'void',
  names: readonly string[],
  options: DecideOptions,
): Promise<void> {
  const by = options.actor ?? systemUser()
  return withDesk(options, async (desk) => {
    for (const name of names) {
      const flag = await desk[decision](name, { by, note: options.note })
      out(options.json ? `${JSON.stringify(json(flag, options))}\n` : `${decisionText(flag)}\n`)
    }
  })
}

function decisionText({ flag, state, hold, deniedAtSeconds }: RiskFlag): string {
  const denied =
    deniedAtSeconds === undefined
      ? ''
      : '; the passkey stays off the whitelist: redswarm passkeys add lists it'
  if (state === 'dismissed' || !hold) return `${flag}: ${state}${denied}`
  const what =
    state === 'released'
      ? `${hold.uploaded} bytes up and ${hold.downloaded} down are in the totals`
      : `${hold.uploaded} bytes up are dropped, ${hold.downloaded} down are in the totals`
  return `${flag}: ${state}, ${what}${denied}`
}

const json = (flag: RiskFlag, { passkeys }: RiskOptions) => flagJson(flag, !passkeys)

async function withDesk(options: RiskOptions, work: (desk: RiskDesk) => Promise<void>): Promise<void> {
  const ledger = await openLedger(options.db, { mustExist: true })
  try {
    await work(openRiskDesk(ledger.database))
  } finally {
    await ledger.close()
  }
}
