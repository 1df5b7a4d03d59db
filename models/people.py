"""Groups of people, who is in them, and how they are invited."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Id, Instant, ShortText, Word


class PeopleGroup(Base):
    """An audience by invitation, `group:<slug>`. The slug never changes, because audiences name it."""

    __tablename__ = "people_group"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[ShortText]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class GroupMember(Base):
    """`role`: owner, admin or member of one group."""

    __tablename__ = "group_member"
    __table_args__ = (Index("ix_group_member_account_id", "account_id"),)

    group_id: Mapped[str] = mapped_column(ForeignKey("people_group.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[Word]
    joined_at: Mapped[Instant]


class Invitation(Base):
    """`max_uses` accounts may accept it until `expires_at`; with an `email`, only the account that has proven it.

    `ended_at`: used up, revoked, or replaced; an address has at most one in a group that has not ended.
    """

    __tablename__ = "invitation"
    __table_args__ = (
        CheckConstraint("uses BETWEEN 0 AND max_uses", name="uses"),
        Index("ix_invitation_group_id", "group_id"),
        Index(
            "uq_invitation_open_email",
            "group_id",
            "email",
            unique=True,
            postgresql_where=text("email IS NOT NULL AND ended_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    group_id: Mapped[str] = mapped_column(ForeignKey("people_group.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    email: Mapped[ShortText | None]
    max_uses: Mapped[int]
    uses: Mapped[int] = mapped_column(server_default=text("0"))
    created_by: Mapped[str | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]


class InvitationUse(Base):
    """Who accepted which invitation: accepting again is no second use."""

    __tablename__ = "invitation_use"
    __table_args__ = (Index("ix_invitation_use_account_id", "account_id"),)

    invitation_id: Mapped[str] = mapped_column(ForeignKey("invitation.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    accepted_at: Mapped[Instant]
