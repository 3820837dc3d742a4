import type { Config } from '../../config/config.ts'
import { showBytes, showCount } from '../amounts.ts'
import type { MachineFacts } from '../facts.ts'
import { error, type Finding, ok, warning } from '../finding.ts'

const OLDEST_NODE = 24
/** Every client that keeps its connection is an open file. */
const FEW_OPEN_FILES = 4_096

/** The machine that the doctor runs on, which is often that of a tracker. */
export function checkMachine(machine: MachineFacts, config: Config | undefined): Finding[] {
  return [nodeVersion(machine), openFiles(machine), receiveBuffer(machine, config)].filter(
    (finding) => finding !== undefined,
  )
}

function nodeVersion({ nodeVersion }: MachineFacts): Finding {
  if (Number.parseInt(nodeVersion, 10) >= OLDEST_NODE) return ok('node-version', `Node ${nodeVersion}`)
  return error('node-version', `Node ${nodeVersion}`, {
    meaning: `The tracker needs Node ${OLDEST_NODE} or newer.`,
    remedy: 'Install a current Node.',
  })
}

function openFiles({ openFiles }: MachineFacts): Finding | undefined {
  if (openFiles === undefined) return undefined
  if (openFiles >= FEW_OPEN_FILES)
    return ok(
      'open-files',
      `${Number.isFinite(openFiles) ? showCount(openFiles) : 'any number of'} open files a process`,
    )
  return warning('open-files', `${showCount(openFiles)} open files a process`, {
    meaning:
      'Each connection takes one. Past the limit a tracker started like this command takes no more clients.',
    remedy:
      'For a service: LimitNOFILE=65536 in its systemd unit. In a shell: ulimit -n 65536, which root may have to allow in /etc/security/limits.conf.',
  })
}

function receiveBuffer(
  { maxReceiveBufferBytes }: MachineFacts,
  config: Config | undefined,
): Finding | undefined {
  const wanted = config?.udp?.receiveBufferBytes
  if (wanted === undefined || maxReceiveBufferBytes === undefined) return undefined
  if (wanted <= maxReceiveBufferBytes) return ok('receive-buffer', `receive_buffer of ${showBytes(wanted)}`)
  return warning(
    'receive-buffer',
    `receive_buffer is ${showBytes(wanted)}, and the system gives no socket more than ${showBytes(maxReceiveBufferBytes)}`,
    {
      meaning: 'UDP packets of a burst are dropped earlier than the configuration says.',
      remedy: `As root: sysctl -w net.core.rmem_max=${wanted}, and the same line in /etc/sysctl.d/redswarm.conf.`,
    },
  )
}
