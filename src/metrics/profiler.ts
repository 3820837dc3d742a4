import { Session } from 'node:inspector/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** `profile`: CPU. `heap`: what lives on the JavaScript heap. `trace`: what the runtime did, and when. */
export type ProfileKind = 'profile' | 'heap' | 'trace'

export type ProfileResult =
  | { readonly status: 'taken'; readonly bytes: Uint8Array }
  /** Another is under way: one at a time, since each slows the process down. */
  | { readonly status: 'busy' }
  /** What it takes is not installed. */
  | { readonly status: 'missing'; readonly reason: string }
  | { readonly status: 'failed'; readonly reason: string }

export interface Profiler {
  /** Never rejects. @param seconds how long to look; a heap needs none */
  take(kind: ProfileKind, seconds: number): Promise<ProfileResult>
}

/** Not in the source's own words, so that it compiles where the package is missing. */
const PACKAGE: string = '@datadog/pprof'

/** What we use of it. */
interface Pprof {
  readonly time: {
    start(options: {
      readonly intervalMicros: number
      readonly withContexts: boolean
      readonly collectCpuTime: boolean
    }): void
    stop(restart: boolean, labelsOf: () => object): object
  }
  readonly heap: { start(intervalBytes: number, stackDepth: number): void; profile(): object }
  /** As a pprof file, compressed. */
  encode(profile: object): Promise<Uint8Array>
}

/** One sample for so much CPU time. */
const CPU_INTERVAL_MICROS = 1000
/** One sample for so many allocated bytes, at random: what is sampled is kept track of until it is collected. */
const HEAP_INTERVAL_BYTES = 512 * 1024
const STACK_DEPTH = 64
/** Garbage collection, turns of the event loop, and the CPU profile on one line of time. Not node.http, which tells of URLs. */
const TRACE_CATEGORIES = [
  'v8',
  'node.perf',
  'node.environment',
  'node.threadpoolwork.async',
  'disabled-by-default-v8.cpu_profiler',
]

/** Whose profiles an address gives: those of this process, or those of its workers. */
export interface Profiles {
  /** The processes that can be asked. */
  readonly pids: () => readonly number[]
  take(pid: number, kind: ProfileKind, seconds: number): Promise<ProfileResult>
}

/** Of this process alone; its heap is sampled from now on. */
export async function profilesOfThisProcess(): Promise<Profiles> {
  const profiler = await startProfiler()
  return { pids: () => [process.pid], take: (_pid, ...asked) => profiler.take(...asked) }
}

/**
 * Begins to sample the heap, which is the one kind of profile that needs a past, and takes the others when asked.
 *
 * @param load the optional package; without it there are traces alone, and the others say why not
 */
export async function startProfiler(load: () => Promise<Pprof> = loadPprof): Promise<Profiler> {
  const pprof = await load().catch((error: Error) => error)
  if (!(pprof instanceof Error)) sampleHeap(pprof)
  let isBusy = false
  const takes: Record<ProfileKind, (pprof: Pprof, seconds: number) => Promise<Uint8Array>> = {
    profile: takeCpu,
    heap: takeHeap,
    trace: (_pprof, seconds) => takeTrace(seconds),
  }
  return {
    async take(kind, seconds) {
      if (pprof instanceof Error && kind !== 'trace') return { status: 'missing', reason: whyMissing(pprof) }
      if (isBusy) return { status: 'busy' }
      isBusy = true
      try {
        return { status: 'taken', bytes: await takes[kind](pprof as Pprof, seconds) }
      } catch (error) {
        return { status: 'failed', reason: (error as Error).message }
      } finally {
        isBusy = false
      }
    },
  }
}

const sampled = new WeakSet<Pprof>()

/** For as long as the process lives; asked twice it would complain. */
function sampleHeap(pprof: Pprof): void {
  if (sampled.has(pprof)) return
  sampled.add(pprof)
  pprof.heap.start(HEAP_INTERVAL_BYTES, STACK_DEPTH)
}

async function loadPprof(): Promise<Pprof> {
  return (await import(PACKAGE)).default
}

/** The first line: what follows is a list of the files that asked for it. */
function whyMissing({ message }: Error): string {
  return `profiles need the optional package @datadog/pprof, which cannot be loaded: ${message.split('\n')[0]}`
}

async function takeCpu({ time, encode }: Pprof, seconds: number): Promise<Uint8Array> {
  time.start({ intervalMicros: CPU_INTERVAL_MICROS, withContexts: true, collectCpuTime: true }) // CPU time comes with contexts
  await delay(seconds * 1000)
  return encode(time.stop(false, () => ({})))
}

async function takeHeap({ heap, encode }: Pprof): Promise<Uint8Array> {
  return encode(heap.profile())
}

/** Trace events in the JSON that Perfetto and the browsers' developer tools open. */
async function takeTrace(seconds: number): Promise<Uint8Array> {
  const session = new Session()
  session.connect()
  try {
    const traceEvents: object[] = []
    session.on('NodeTracing.dataCollected', ({ params }) => traceEvents.push(...params.value))
    const complete = new Promise((resolve) => session.once('NodeTracing.tracingComplete', resolve))
    await session.post('NodeTracing.start', { traceConfig: { includedCategories: TRACE_CATEGORIES } })
    await delay(seconds * 1000)
    await session.post('NodeTracing.stop')
    await complete
    return Buffer.from(JSON.stringify({ traceEvents }))
  } finally {
    session.disconnect()
  }
}
