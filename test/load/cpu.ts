import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * CPU time used so far by a process, all its threads and its live descendants: user plus system, in microseconds.
 * The kernel counts in ticks of 10 ms, so a phase must last for seconds.
 */
export function cpuMicros(pid: number): number {
  return processTree(pid).reduce((sum, each) => sum + ticks(each), 0) * microsPerTick()
}

function ticks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field is the program's name in brackets and may hold blanks; utime and stime are 14 and 15 from 1.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function processTree(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number),
  )
  return [pid, ...children.flatMap(processTree)]
}

let tickMicros: number | undefined
function microsPerTick(): number {
  tickMicros ??= 1_000_000 / Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'latin1' }).stdout)
  return tickMicros
}
