// A mutation as a page uses it: never twice for one intent, and a refusal is an answer, not an exception.
import { createContext, useCallback, useContext, useRef, useState } from 'react';
import { useClient, type AnyVariables, type CombinedError, type TypedDocumentNode } from 'urql';
import type { ProblemPartsFragment } from './generated/index.ts';

export type Problem = ProblemPartsFragment;

/** Asks for the password again; answers whether it was given. Provided by session/PasswordAgain. */
export const PasswordAgainContext = createContext<() => Promise<boolean>>(() => Promise.resolve(false));
type Payload<Data> = Data[keyof Data];
/** What a result union holds beside its Problems, found by the types' names: …Success and the like. */
export type Success<Data> = Exclude<Payload<Data>, { __typename: Problem['__typename'] } | string>;

/** The other members: the same object as `problem`, with what the document asks for of that Problem. */
export type Refusal<Data> = Extract<Payload<Data>, { __typename: Problem['__typename'] }>;

/** What became of one run: one of the three, or nothing when another run of the same action had not ended. */
export interface Outcome<Data> {
  success?: Success<Data> | undefined;
  problem?: Problem | undefined;
  error?: CombinedError | undefined;
}

export interface Action<Data, Input> {
  /** Returns the success, or undefined when refused, failed or already running. */
  run(input: Input): Promise<Success<Data> | undefined>;
  /** The same for many runs after one another, where each one's refusal is wanted: it is in the answer, too. */
  attempt(input: Input): Promise<Outcome<Data>>;
  running: boolean;
  problem: Problem | undefined;
  refusal: Refusal<Data> | undefined;
  error: CombinedError | undefined;
  forget(): void;
}

function payloadOf(data: unknown): { code?: string } | undefined {
  return Object.entries(data ?? {}).find(([name]) => name !== '__typename')?.[1];
}

/** A file says nothing in JSON; two files are two intents. */
function withFiles(_: string, value: unknown): unknown {
  return value instanceof File ? [value.name, value.size, value.lastModified] : value;
}

function isProblem(payload: object): payload is Problem {
  return 'code' in payload && 'message' in payload;
}

/**
 * For a mutation with one `input`. Repeated after a lost connection, the same input is sent with the same
 * idempotency key, so the server does it once; pass `{ idempotent: false }` for the few without a key.
 * Refused for want of the password, it asks for that and goes on.
 */
export function useAction<Data, Input extends object>(
  document: TypedDocumentNode<Data, { input: Input }>,
  { idempotent = true }: { idempotent?: boolean } = {},
): Action<Data, Omit<Input, 'idempotencyKey'>> {
  const client = useClient();
  const askPassword = useContext(PasswordAgainContext);
  const busy = useRef(false);
  const unsettled = useRef<{ input: string; key: string } | undefined>(undefined);
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [error, setError] = useState<CombinedError>();

  const attempt = useCallback(
    async (given: Omit<Input, 'idempotencyKey'>): Promise<Outcome<Data>> => {
      if (busy.current) return {};
      busy.current = true;
      setRunning(true);
      setProblem(undefined);
      setError(undefined);
      const input = JSON.stringify(given, withFiles);
      if (unsettled.current?.input !== input) unsettled.current = { input, key: crypto.randomUUID() };
      const keyed = idempotent ? { ...given, idempotencyKey: unsettled.current.key } : given;
      const variables = { input: keyed } as unknown as { input: Input };
      const send = () => client.mutation<Data, AnyVariables & { input: Input }>(document, variables).toPromise();
      let result = await send();
      if (payloadOf(result.data)?.code === 'REAUTHENTICATION_REQUIRED' && (await askPassword())) result = await send();
      busy.current = false;
      setRunning(false);
      if (!result.error?.networkError) unsettled.current = undefined;
      setError(result.error);
      const payload = payloadOf(result.data);
      if (result.error) return { error: result.error };
      if (!payload) return {};
      if (isProblem(payload)) {
        setProblem(payload);
        return { problem: payload };
      }
      return { success: payload as Success<Data> };
    },
    [client, document, idempotent, askPassword],
  );
  const run = useCallback(async (given: Omit<Input, 'idempotencyKey'>) => (await attempt(given)).success, [attempt]);

  const forget = useCallback(() => {
    setProblem(undefined);
    setError(undefined);
  }, []);

  return { run, attempt, running, problem, refusal: problem as Refusal<Data> | undefined, error, forget };
}
