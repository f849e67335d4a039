/** @returns the name under which a component's role of a stack (`project/stack`) lives on a machine */
export function instanceIn(stack: string, component: string, role: string): string {
  return `${stack.replace("/", ".")}.${component}.${role}`;
}
