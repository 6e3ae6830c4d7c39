import { type Blob, baseName } from '../engine/blob.ts'
import type { CheckContext } from './check.ts'

interface Indicator {
  readonly rule: string
  readonly what: string
  readonly pattern: RegExp
}

/** Patterns are bounded and without nested repetition, so that their time is linear in the text. */
const INDICATORS: readonly Indicator[] = [
  {
    rule: 'content.suspicious-text',
    what: 'Python that runs commands',
    pattern:
      /\b(?:os\.(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?)|subprocess\.(?:call|run|Popen|check_output|check_call|getoutput)|pty\.spawn|commands\.getoutput)\s*\(/,
  },
  {
    rule: 'content.suspicious-text',
    what: 'Python that runs text',
    pattern:
      /\b(?:exec|eval)\s*\(\s*(?:__import__|base64|compile|codecs|zlib|marshal|bytes|requests|urllib|open|input|"|')/,
  },
  { rule: 'content.suspicious-text', what: 'Python that imports by name', pattern: /__import__\s*\(\s*["']/ },
  {
    rule: 'content.suspicious-text',
    what: 'a shell command that fetches and runs',
    pattern: /\b(?:curl|wget)\b[^\n|;&]{0,300}(?:\||;|&&)\s*(?:sudo\s+)?(?:ba|z|da)?sh\b/,
  },
  {
    rule: 'content.suspicious-text',
    what: 'a shell command',
    pattern:
      /(?:^|[\s;&|"'`$(])(?:rm\s+-[rf]{1,2}\s|chmod\s+(?:777|\+x)\s|wget\s+https?:|curl\s+(?:-\S+\s+)*https?:|nc\s+-e\s|bash\s+-[ic]\s|\/bin\/(?:ba)?sh\s+-[ic]\s|powershell(?:\.exe)?\s+-)/,
  },
  { rule: 'content.suspicious-text', what: 'a reverse shell', pattern: /\/dev\/tcp\/[\w.]+\/\d+/ },
  {
    rule: 'content.suspicious-text',
    what: 'HTML that runs script',
    pattern: /<script[\s>]|javascript:\s*\w|\bon(?:error|load)\s*=\s*["']?\w+\(/i,
  },
  {
    rule: 'content.suspicious-url',
    what: 'an address that receives data',
    pattern:
      /https?:\/\/[^\s"'<>]{0,200}(?:exfil|\/steal|\/c2\b|attacker|malware|malicious|phish|evil\.|webhook\.site|requestbin|ngrok|burpcollaborator|oast\.|interact\.sh|pastebin\.com\/raw|transfer\.sh)/i,
  },
]

const SECRETS: readonly (readonly [string, RegExp])[] = [
  ['an AWS access key', /\bAKIA[0-9A-Z]{16}\b/],
  ['a GitHub token', /\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{60,}/],
  ['a Hugging Face token', /\bhf_[A-Za-z]{30,}\b/],
  ['an OpenAI or Anthropic key', /\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{16,}/],
  ['a Slack token', /\bxox[abprs]-[A-Za-z0-9-]{10,}/],
  ['a Google key', /\bAIza[0-9A-Za-z_-]{35}\b/],
  ['a private key', /-----BEGIN (?:RSA |EC |OPENSSH |DSA |ENCRYPTED )?PRIVATE KEY-----/],
  ['a Stripe key', /\b[sr]k_live_[0-9a-zA-Z]{20,}/],
]

const ASSIGNED_SECRET =
  /^\s*(?:export\s+)?[A-Z0-9_]*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY|ACCESS_KEY)[A-Z0-9_]*\s*=\s*["']?([^\s"'#]{8,})/m

const PIECE = 1024 * 1024

/** Looks for commands, code and addresses where a file has only words: metadata, configuration, notes. */
export function checkText(
  blob: Blob,
  text: string,
  where: string,
  context: CheckContext,
  offset?: number,
): void {
  for (let at = 0; at < text.length; at += PIECE) {
    const piece = at === 0 && text.length <= PIECE ? text : text.slice(at, at + PIECE + 512)
    for (const { rule, what, pattern } of INDICATORS) {
      const match = pattern.exec(piece)
      if (match === null) continue
      context.examination.report(rule, blob, {
        message: `${what} (${where})`,
        offset: (offset ?? 0) + at + match.index,
        evidence: match[0],
      })
    }
  }
}

/** Looks for secrets. What is found is named and placed, never repeated. */
export function checkSecrets(
  blob: Blob,
  text: string,
  where: string,
  context: CheckContext,
  offset = 0,
): void {
  for (const [what, pattern] of SECRETS) {
    const match = pattern.exec(text)
    if (match === null) continue
    context.examination.report('content.secret', blob, {
      message: `${what} (${where})`,
      offset: offset + match.index,
    })
  }
}

/** A file of settings such as `.env`: a value that is assigned to a name which says that it is a secret. */
export function checkAssignedSecrets(blob: Blob, text: string, context: CheckContext): void {
  const match = ASSIGNED_SECRET.exec(text)
  if (match === null || /^(?:your|changeme|xxx|<|\$\{|example|none|null|todo)/i.test(match[1] ?? '')) return
  context.examination.report('content.secret', blob, {
    message: 'a value that its name calls a secret',
    offset: match.index,
  })
}

/** Whether a name is one of the small files beside a model that hold settings of the environment. */
export function isEnvironmentFile(name: string): boolean {
  return /^\.env(?:\.\w+)?$|^(?:credentials|\.netrc|\.pypirc|\.npmrc|id_rsa|id_ed25519|secrets?\.\w+)$/i.test(
    baseName(name),
  )
}
