/** @returns the name under which a component's concern of a stack (`project/stack`) lives on a machine */
export function instanceIn(stack: string, component: string, concern: string): string {
  return `${stack.replace("/", ".")}.${component}.${concern}`;
}
