"""Metadata, constraint names, and the column types that every table shares."""

from datetime import datetime
from typing import Annotated

from sqlalchemy import DateTime, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Base(DeclarativeBase):
    metadata = metadata


Id = Annotated[str, mapped_column(String(12), primary_key=True)]
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
ShortText = Annotated[str, mapped_column(String(255))]
LongText = Annotated[str, mapped_column(Text)]
Word = Annotated[str, mapped_column(String(80))]  # an enum's value or an audience; checked by the domain
