import type { Blob } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'

/** Calls that run commands, load code or reach the network, by their full name; a trailing dot means all of a module. */
const DANGEROUS = [
  'os.system',
  'os.popen',
  'os.exec',
  'os.spawn',
  'os.posix_spawn',
  'os.startfile',
  'os.fork',
  'posix.',
  'nt.system',
  'subprocess.',
  'pty.',
  'commands.',
  'popen2.',
  'socket.socket',
  'socket.create_connection',
  'socketserver.',
  'ctypes.',
  'cffi.',
  'marshal.loads',
  'runpy.',
  'code.interact',
  'code.InteractiveConsole',
  'urllib.request.urlopen',
  'urllib.request.urlretrieve',
  'urllib2.urlopen',
  'urllib.urlopen',
  'http.client.HTTP',
  'requests.get',
  'requests.post',
  'requests.put',
  'requests.request',
  'requests.Session',
  'httpx.',
  'aiohttp.',
  'ftplib.',
  'smtplib.',
  'telnetlib.',
  'paramiko.',
  'webbrowser.',
  'shutil.rmtree',
  'importlib.import_module',
  'imp.load_',
  'builtins.eval',
  'builtins.exec',
  'builtins.__import__',
  'builtins.compile',
  'platform.popen',
  'asyncio.create_subprocess',
  'multiprocessing.util.',
  'pickle.load',
  'cPickle.load',
  'dill.load',
  'cloudpickle.load',
  'winreg.',
  '_winreg.',
  'pip.main',
  'pip._internal.',
  'setuptools.',
  'torch.hub.load',
]
const BARE = new Set(['eval', 'exec', '__import__', 'compile', 'execfile'])

/** Judges Python source by the calls it makes, through aliases of imports. What is in comments and texts is no call. */
export function checkPython(blob: Blob, source: string, context: CheckContext): void {
  const code = withoutTexts(source)
  const aliases = importsOf(code)
  for (const match of code.matchAll(
    /(?<![\w.])((?:[A-Za-z_]\w{0,80}\s{0,4}\.\s{0,4}){0,8}[A-Za-z_]\w{0,80})\s{0,4}\(/g,
  )) {
    const written = (match[1] ?? '').replaceAll(/\s/g, '')
    if (isDefinition(code, match.index)) continue
    const name = resolve(written, aliases)
    if (!isDangerous(name)) continue
    context.examination.report('python.dangerous-code', blob, {
      message: `the code calls ${name}`,
      offset: match.index,
      evidence: source.slice(match.index, match.index + 80).split('\n')[0] ?? '',
    })
  }
  const reach =
    /(?:__builtins__|__globals__|__subclasses__)\s*[[.(]|getattr\s*\(\s*(?:os|sys|builtins|__builtins__|subprocess)\b/.exec(
      code,
    )
  if (reach !== null) {
    const message = 'the code reaches a function by way of the interpreter'
    context.examination.report('python.dangerous-code', blob, {
      message,
      offset: reach.index,
      evidence: reach[0],
    })
  }
  context.examination.report('python.code', blob, {
    message: 'Python code runs when it is imported; review it',
  })
}

function isDefinition(code: string, at: number): boolean {
  return /(?:def|class)\s+$/.test(code.slice(Math.max(0, at - 10), at))
}

function resolve(written: string, aliases: ReadonlyMap<string, string>): string {
  const dot = written.indexOf('.')
  const root = dot < 0 ? written : written.slice(0, dot)
  const rest = dot < 0 ? '' : written.slice(dot)
  return `${aliases.get(root) ?? root}${rest}`
}

function isDangerous(name: string): boolean {
  if (BARE.has(name)) return true
  return DANGEROUS.some((own) =>
    own.endsWith('.') ? name.startsWith(own) : name.startsWith(own) && name.includes('.'),
  )
}

/** What each local name stands for. */
function importsOf(code: string): Map<string, string> {
  const aliases = new Map<string, string>()
  for (const [, list] of code.matchAll(/^[ \t]*import[ \t]+([^\n;]{1,500})/gm)) {
    for (const part of (list ?? '').split(',')) {
      const [, module, alias] = /^\s*([\w.]+)(?:\s+as\s+(\w+))?/.exec(part) ?? []
      if (module !== undefined && alias !== undefined) aliases.set(alias, module)
    }
  }
  for (const [, module, list] of code.matchAll(
    /^[ \t]*from[ \t]+([\w.]{1,200})[ \t]+import[ \t]+([^\n;]{1,1000})/gm,
  )) {
    for (const part of (list ?? '').replaceAll(/[()]/g, '').split(',')) {
      const [, name, alias] = /^\s*(\w+)(?:\s+as\s+(\w+))?/.exec(part) ?? []
      if (name !== undefined) aliases.set(alias ?? name, `${module}.${name}`)
    }
  }
  return aliases
}

/** The source with comments and the insides of texts blanked, every place kept. f-strings keep their expressions. */
function withoutTexts(source: string): string {
  return source.replaceAll(
    /#[^\n]*|([A-Za-z]{0,2})("""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:[^"\\\n]|\\[\s\S])*"?|'(?:[^'\\\n]|\\[\s\S])*'?)/g,
    (all, prefix: string | undefined) =>
      prefix !== undefined && /f/i.test(prefix) ? all : all.replaceAll(/[^\n]/g, ' '),
  )
}

/** The first line that says anything is Python's: no text for people and no configuration begins like this. */
export function isPythonSource(text: string): boolean {
  for (const line of text.slice(0, 64 * 1024).split('\n')) {
    const content = line.trim()
    if (content === '' || content.startsWith('#')) continue
    return /^(?:import [\w., ]+|from [\w.]+ import [\w.,* ()]+|def \w+\(.*|class \w+[(:].*|@\w[\w.]*|(?:exec|eval|__import__)\(.*)$/.test(
      content,
    )
  }
  return false
}
