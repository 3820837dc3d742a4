import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, isAbsolute, join, relative } from 'node:path'

/** What a container would be started with. */
export interface Image {
  /** Folder that stands for `/`. */
  readonly root: string
  /** As in the Dockerfile, for example `/app`. */
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
  /** The stages' base images, as written after FROM, arguments filled in. */
  readonly bases: readonly string[]
}

export interface Performance {
  /** Folder with the Dockerfile and .dockerignore. */
  readonly context: string
  /** An empty folder; each stage gets one in it. */
  readonly into: string
  /** Runs one RUN line; throws when it fails. */
  readonly run: (commandLine: string, cwd: string, env: Readonly<Record<string, string>>) => void
  /** Gives what was copied to whoever runs RUN lines. */
  readonly own: (folder: string) => void
}

interface Instruction {
  readonly name: string
  readonly flags: Readonly<Record<string, string>>
  readonly text: string
}

const IGNORED = ['LABEL', 'EXPOSE'] // say something about the image and do nothing to it

/**
 * Performs a Dockerfile without any container engine: a folder is the root of each stage, COPY copies (what .dockerignore
 * leaves), RUN runs in its WORKDIR. There is no chroot, so RUN lines must not name absolute paths. Throws for instructions
 * that it does not know: one that is new in the Dockerfile must be thought of here.
 */
export function performDockerfile({ context, into, run, own }: Performance): Image {
  const args: Record<string, string> = {}
  const stages = new Map<string, string>()
  const isIgnored = readIgnored(join(context, '.dockerignore'))
  const bases: string[] = []
  let image: Image | undefined
  for (const { name, flags, text } of readInstructions(join(context, 'Dockerfile'))) {
    const filled = text.replace(/\$\{(\w+)\}/g, (_, key: string) => args[key] ?? '')
    if (name === 'ARG') {
      const [key, value = ''] = text.split('=')
      args[key!] = value
    } else if (name === 'FROM') {
      const [base, , alias = 'final'] = filled.split(' ')
      bases.push(base!)
      const root = join(into, alias)
      mkdirSync(root)
      stages.set(alias, root)
      image = { root, workdir: '/', env: {}, user: '', entrypoint: [], command: [], healthcheck: [], bases }
    } else if (!image) throw new Error(`${name} before FROM`)
    else if (name === 'WORKDIR') {
      image = { ...image, workdir: text }
      mkdirSync(join(image.root, text), { recursive: true })
      own(join(image.root, text))
    } else if (name === 'COPY') {
      copy(image, flags.from ? stages.get(flags.from)! : context, flags.from ? () => false : isIgnored, text)
      own(image.root)
    } else if (name === 'RUN') run(text, join(image.root, image.workdir), image.env)
    else if (name === 'ENV') image = { ...image, env: { ...image.env, ...readPair(text) } }
    else if (name === 'USER') image = { ...image, user: text }
    else if (name === 'HEALTHCHECK') image = { ...image, healthcheck: JSON.parse(text.replace(/^CMD /, '')) }
    else if (name === 'ENTRYPOINT') image = { ...image, entrypoint: JSON.parse(text) }
    else if (name === 'CMD') image = { ...image, command: JSON.parse(text) }
    else if (!IGNORED.includes(name)) throw new Error(`${name}: not an instruction that is known here`)
  }
  if (!image) throw new Error('no FROM')
  return image
}

function readInstructions(path: string): Instruction[] {
  const lines = readFileSync(path, 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, flagText = '', text] = /^([A-Z]+)((?: +--\S+)*) +(.+)$/.exec(line) ?? []
      if (!name) throw new Error(`not an instruction: ${line}`)
      const flags = [...flagText.matchAll(/--([\w-]+)=(\S+)/g)].map(([, key, value]) => [key, value])
      return { name, flags: Object.fromEntries(flags), text: text!.trim() }
    })
}

function readPair(text: string): Record<string, string> {
  const [, key, value] = /^(\w+)=(\S*)$/.exec(text) ?? []
  if (!key) throw new Error(`ENV ${text}: one NAME=value`)
  return { [key]: value! }
}

/** COPY: of a folder its content, as Docker does. */
function copy(
  { root, workdir }: Image,
  from: string,
  isIgnored: (path: string) => boolean,
  text: string,
): void {
  const names = text.split(/ +/)
  const to = names.pop()!
  const target = join(root, isAbsolute(to) ? to : join(workdir, to))
  for (const name of names) {
    const source = join(from, name)
    if (!existsSync(source) || isIgnored(name)) throw new Error(`COPY ${name}: not in the context`)
    const isInto = !statSync(source).isDirectory() && (to.endsWith('/') || to === '.' || names.length > 1)
    cpSync(source, isInto ? join(target, basename(name)) : target, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !isIgnored(relative(from, path)),
    })
  }
}

/** The last line that fits a path or a folder above it decides. */
function readIgnored(path: string): (path: string) => boolean {
  const rules = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const pattern = line
        .replace(/^!/, '')
        .replace(/[.+^$()[\]{}|\\]/g, '\\$&')
        .replaceAll('*', '[^/]*')
      return { fits: new RegExp(`^${pattern}(/|$)`), ignores: !line.startsWith('!') }
    })
  return (path) => rules.findLast(({ fits }) => fits.test(path))?.ignores ?? false
}
