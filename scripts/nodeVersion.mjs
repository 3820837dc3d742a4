const OLDEST_MAJOR = 24

/** What to tell a user whose Node is too old, or undefined. Runs on any Node that knows modules. */
export function complaintAboutNode(version) {
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return undefined
  return `Redswarm needs Node ${OLDEST_MAJOR} or newer; this is Node ${version} (${process.execPath}).`
}
