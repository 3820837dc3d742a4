import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadGenerator } from './generator.ts'
import { announceHead } from './httpRequest.ts'
import type { Population } from './population.ts'
import { type Processes, runToEnd } from './processes.ts'
import type { RunningTracker } from './trackers/tracker.ts'
import { parseWrkResult, wrkScript } from './wrkScript.ts'

/** Both HTTP transports. One thread: the machine has to serve the tracker and Redis as well. */
export function wrkGenerator(processes: Processes, workFolder: string): LoadGenerator {
  return async (run) => {
    const scriptFile = join(workFolder, 'announce.lua')
    const headsFile = join(workFolder, 'heads.txt')
    writeFileSync(headsFile, headLines(run.tracker, run.population))
    writeFileSync(scriptFile, wrkScript(run, headsFile))
    const output = await runToEnd(processes, {
      name: 'wrk',
      program: 'wrk',
      args: ['-t1', `-c${run.connections}`, `-d${run.seconds}s`, '--timeout', '5s']
        .concat(['-s', scriptFile])
        .concat(`http://127.0.0.1:${run.tracker.port}/`),
    })
    const { announces, micros, bytes, failures } = parseWrkResult(output)
    return { announces, seconds: micros / 1_000_000, receivedBytes: bytes, failures }
  }
}

function headLines(tracker: RunningTracker, { peers }: Population): string {
  return peers.map((peer) => announceHead(tracker.announcePath(peer.passkey), peer)).join('\n')
}
