/** Routers that run loopback-ha's scripts, and which. */
import type { RouterModel } from "../../components/config";
import { instanceIn } from "../../components/host/instance";
import { routerKind } from "../../components/routerRoute/kindRegistry";

/** A router's script of this stack. */
export const onRouter = (router: RouterModel, stack: string, script: string, args: string[] = []) => ({
  host: router,
  instance: instanceIn(stack, router.name, routerKind(router.kind).role),
  script,
  args,
});

/** Routers without a shell are not asked. */
export const withShell = ({ kind }: RouterModel): boolean => !routerKind(kind).driver;
