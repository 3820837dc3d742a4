import { type LoadPlan, LoadRefused } from '../../load/plan.ts'
import { renderProgress, renderReport } from '../../load/report.ts'
import { runLoad } from '../../load/run.ts'
import { type BadLine, BadLines } from '../../site/passkeys/passkeyErrors.ts'
import { type PasskeySource, readPasskeys } from '../../site/passkeys/passkeyImport.ts'

const CLEAR_LINE = '\r\x1b[K'

export interface LoadCommand {
  readonly plan: LoadPlan
  readonly json: boolean
  readonly out: (text: string) => void
  /** Where the progress line is drawn, if it is one. */
  readonly terminal: { readonly isTTY?: boolean; write(text: string): unknown }
}

/**
 * `redswarm load`: Ctrl-C ends the run early and prints what came in so far; a second one ends at once.
 *
 * @returns whether not one announce failed, for the exit code
 */
export async function load({ plan, json, out, terminal }: LoadCommand): Promise<boolean> {
  const stop = new AbortController()
  const signals = ['SIGINT', 'SIGTERM'] as const
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
  }
  for (const signal of signals) process.on(signal, onSignal)
  try {
    const result = await runLoad(plan, {
      signal: stop.signal,
      onProgress: (progress) => {
        if (terminal.isTTY) terminal.write(`${CLEAR_LINE}${renderProgress(progress)}`)
      },
    })
    if (terminal.isTTY) terminal.write(CLEAR_LINE)
    out(json ? `${JSON.stringify(result, null, 2)}\n` : renderReport(result, plan))
    return result.failed + result.warmUp.failed === 0
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
}

/** @throws LoadRefused naming the lines that hold none, without what stands there */
export async function readPasskeyFile(source: PasskeySource): Promise<string[]> {
  const passkeys: string[] = []
  try {
    for await (const batch of readPasskeys(source)) passkeys.push(...batch)
  } catch (error) {
    throw new LoadRefused(`--passkey-file: ${whyUnread(error as Error)}`, { cause: error })
  }
  if (passkeys.length === 0) throw new LoadRefused('--passkey-file: no passkey in it')
  return passkeys
}

function whyUnread(error: Error): string {
  if (!(error instanceof BadLines)) return error.message
  const [{ line, reason }] = error.lines as [BadLine]
  return `line ${line}: ${reason}${error.count > 1 ? `, and ${error.count - 1} more` : ''}`
}
