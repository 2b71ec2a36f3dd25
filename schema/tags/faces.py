"""Tags that are drawn faces and signs, such as ``:3`` or ``(o)_(o)``: their brackets and separators are their own."""

from __future__ import annotations

import re

FACES = frozenset(
    r"""
    :d ;d :p ;p :q ;q :t ;t :3 ;3 :o ;o :/ ;/ :| ;| :i :x :c :s :v :> ;> :< ;< :) ;) :( ;( >:) >:( :>= =3 d: d; c: x:
    3: 3; x3 x_x x< xd :b ;b :9 :7 :] :[ :} :{ :'( :'d :'3 :-) ;-) :-( :-d :-p >:d >:3 >:o >:< >:> >:p >_< >_o o_< >_>
    <_< >.< >.> <.< >< >o< >3< ^_^ ^o^ ^^^ ^v^ ^3^ ^q^ ^w^ ^^ ^.^ ;_; t_t ;o; u_u n_n v_v q_q p_q o_o 0_0 @_@ *_* +_+
    +_- -_- =_= ~_~ ._. ,_, $_$ %_% |_| ||_|| \_/ 3_3 6_9 9_9 x.x 0w0 uwu owo o3o =w= -w- o_x x_o .w. (o)_(o) <o>_<o>
    <|>_<|> _(:3 \m/ \n/ \o/ \w/ \||/ \\// \(^o^)/ /\/\/\ ? ! ?? !! !? ?! ... ...? ...! +++ + - = & * # ~ ^ @ <3 </3
    """.split()
)
"""Lower case, as boorus and taggers write them; the brackets that they hold are their own."""

# A face that is not in the list: a few signs, or eyes on both sides of an underscore. Words have two letters in a row.
_SHORT = re.compile(r"[^\s,]{1,3}")
_EYES = re.compile(r"[^\s,\w]\S{0,3}_\S{1,4}|\S{1,4}_\S{0,3}[^\s,\w]|(\w)_\1")
_WORD = re.compile(r"[^\W\d_]{2}|\d{2}")
_SIGN = re.compile(r"[^\w\s]")


def is_face(text: str) -> bool:
    """Tell faces such as ``:3``, ``;)``, ``^_^`` or ``(o)_(o)`` from words, whatever their case."""
    if text.lower() in FACES:
        return True
    if _WORD.search(text) or not _SIGN.search(text):
        return False
    return bool(_SHORT.fullmatch(text) or _EYES.fullmatch(text))
