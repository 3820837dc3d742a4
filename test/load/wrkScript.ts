import type { LoadRun } from './generator.ts'
import { announceTail } from './httpRequest.ts'

/**
 * The Lua program that wrk runs: a random line of the list, a total that grows, and a result line at the end.
 * Requests are joined here instead of by `wrk.format`, which costs more than some of the trackers do.
 */
export function wrkScript(run: LoadRun, headsFile: string): string {
  const transport = run.transport === 'close' ? 'close' : 'keep-alive'
  return `
local heads, count = {}, 0
local tail = ${luaString(announceTail(run.tracker.port, transport, ''))}
local uploaded = ${run.uploadedFromBytes}

function init()
  for line in io.lines(${luaString(headsFile)}) do
    count = count + 1
    heads[count] = line
  end
  math.randomseed(20)
end

function request()
  uploaded = uploaded + 16384
  return heads[math.random(count)] .. string.format("%.0f", uploaded) .. tail
end

function done(summary)
  local errors = summary.errors
  io.write(string.format('\\nRESULT {"announces":%d,"micros":%d,"bytes":%d,"status":%d,"connect":%d,"timeout":%d}\\n',
    summary.requests, summary.duration, summary.bytes, errors.status, errors.connect, errors.timeout))
end
`
}

/** wrk closes its report with the line `done` printed. */
export function parseWrkResult(output: string): {
  announces: number
  micros: number
  bytes: number
  failures: { status: number; connect: number; timeout: number }
} {
  const line = /^RESULT (\{.*\})$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk gave no result: ${output}`)
  const { announces, micros, bytes, status, connect, timeout } = JSON.parse(line) as Record<string, number>
  return {
    announces: announces ?? 0,
    micros: micros ?? 0,
    bytes: bytes ?? 0,
    failures: { status: status ?? 0, connect: connect ?? 0, timeout: timeout ?? 0 },
  }
}

function luaString(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\r', '\\r').replaceAll('\n', '\\n')}"`
}
