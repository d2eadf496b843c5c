"""An audit with some entries, sealed and witnessed, for tests that then tamper with it."""

from dataclasses import dataclass, field
from datetime import timedelta

from consentry.domain.actor import Actor, ActorKind
from consentry.store import audit
from consentry.usecases.audit.checkpoint_all import checkpoint_all
from consentry.usecases.audit.checkpoint_key import open_checkpoint_key
from consentry.usecases.audit.seal_waiting import seal_waiting
from consentry.usecases.audit.verify import AuditVerdict, verify_audit
from consentry.usecases.audit.witnesses import Witnesses, checkpoint_public_keys
from consentry.usecases.services import Services
from tests.builders import Tenant

AT_ONCE = timedelta(0)


@dataclass(slots=True)
class Trail:
    """One institution's audit, and the checkpoints that left the database."""

    services: Services
    tenant: Tenant
    published: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    async def write(self, count: int) -> None:
        """Record something so many times, each in a transaction of its own."""
        for number in range(count):
            async with self.services.session.begin(self.tenant.institution_id) as connection:
                await audit.record(
                    connection,
                    self.tenant.institution_id,
                    action="test.happened",
                    actor=Actor(ActorKind.OPERATOR, "tester", source="127.0.0.1", request_id=f"r-{number}"),
                    subject=("thing", str(number)),
                    before={"number": number},
                    after={"number": number + 1, "name": "Zoë"},
                )

    async def seal(self) -> int:
        """Seal what waits."""
        return await seal_waiting(self.services.session)

    async def witness(self) -> None:
        """Make a checkpoint, if the chain has moved."""
        await checkpoint_all(
            self.services.session,
            key=await open_checkpoint_key(self.services.session, self.services.keyring),
            publish=self.published.append,
            on_broken=lambda _, how: self.broken.append(how),
            pace=AT_ONCE,
        )

    async def witnesses(self) -> Witnesses:
        """Read the checkpoints that left the database, with the keys in it."""
        read = Witnesses()
        keys = await checkpoint_public_keys(self.services.session)
        for number, statement in enumerate(self.published):
            read.add(statement, public_keys=keys, place=f"checkpoint {number}")
        return read

    async def verify(self) -> AuditVerdict:
        """Verify against the checkpoints that left the database."""
        witnesses = await self.witnesses()
        return await verify_audit(
            self.services.session,
            self.tenant.institution_id,
            statements=witnesses.hashes(self.tenant.public_id),
        )
