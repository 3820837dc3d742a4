import { execFile } from 'node:child_process'
import { programPath } from '../programs/programs.ts'
import { temporaryFolder } from '../programs/trackerProcesses.ts'

const OPEN_WITHIN_MS = 60_000

/** Nothing but the page: no first-run pages, no updates, no accounts; root may not have the sandbox. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Opens a page in a browser that has never been used, and gives the document as the browser has it after loading, as HTML. */
export function openInChromium(url: string): Promise<string> {
  const args = [...FLAGS, `--user-data-dir=${temporaryFolder()}`, '--dump-dom', url]
  return new Promise((resolve, reject) => {
    const options = { timeout: OPEN_WITHIN_MS, maxBuffer: 16 * 1024 * 1024 }
    execFile(programPath('chromium') ?? 'chromium', args, options, (error, stdout, stderr) => {
      if (error) reject(new Error(`chromium ${url}: ${stderr}`, { cause: error }))
      else resolve(stdout)
    })
  })
}
